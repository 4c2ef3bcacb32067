# Alarms that neither cry wolf nor keep silent.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  packages       = "./tests/packages"
  contracts      = "./tests/contracts"
  transport      = "kafka"
  queue_sources  = { parking-permit = { topic_arns = ["arn:aws:sns:eu-west-2:123456789012:permits"] } }
  watched_tables = ["person"]
  monthly_budget = 100
  network = {
    subnet_ids                = ["subnet-1", "subnet-2", "subnet-3"]
    client_security_group_ids = ["sg-1"]
    broker_security_group_ids = ["sg-2"]
  }
}

run "what_is_missing_rings_and_not_on_the_first_day" {
  assert {
    condition = { for alarm, awaited in module.observability.awaited : alarm => awaited.metric } == {
      polelake-freshness-housing-person = "records_landed"
      polelake-report-missing           = "rules_passed"
      polelake-snapshot-missing         = "tables_merged"
      polelake-table-missing-person     = "rows"
    }
    error_message = "A metric that is written without success is awaited: ${jsonencode(module.observability.awaited)}"
  }

  assert {
    condition     = alltrue([for awaited in values(module.observability.awaited) : awaited.missing == "breaching"])
    error_message = "What is not there counts as well."
  }

  assert {
    condition = alltrue([
      for awaited in values(module.observability.awaited) : awaited.formula == format(
        "IF(YEAR(every_hour)*10000+MONTH(every_hour)*100+DATE(every_hour) <= %s, 1, every_hour)",
        formatdate("YYYYMMDD", plantimestamp()),
      )
    ])
    error_message = "Nothing is missing on the day of the first apply: ${module.observability.awaited["polelake-report-missing"].formula}"
  }

  assert {
    condition = (
      module.observability.awaited["polelake-snapshot-missing"].hours == 26 &&
      module.observability.awaited["polelake-freshness-housing-person"].hours == 12 &&
      module.observability.awaited["polelake-table-missing-person"].dimensions ==
      tomap({ stack = "polelake", function = "snapshot-merge", table = "person" })
    )
    error_message = "A day is late by two hours; a source as its contract says."
  }
}

run "a_failed_message_rings_when_its_second_try_is_late" {
  assert {
    condition = alltrue([
      for queue in concat([module.transform_queue], values(module.relay_queue)) : queue.max_age > queue.visibility_timeout
    ])
    error_message = "A message is hidden for longer than it may wait."
  }
}

run "the_landing_is_late_in_time" {
  assert {
    condition = jsonencode(module.observability.metrics["polelake-landing-late-housing-person"]) == jsonencode({
      metric = "landing_wait_seconds", dimensions = { stack = "polelake", function = "raw-landing", topic = "housing-person" }
    })
    error_message = "A lag in records alone says nothing of days."
  }

  assert {
    condition     = contains(output.alarms, "polelake-raw-landing-offset-lag")
    error_message = "A landing that never runs is told by its lag in records."
  }
}

run "the_failures_bucket_becomes_empty" {
  assert {
    condition     = module.observability.given_up_metric == "NumberOfObjects" && module.failures_bucket.leaves_after == 1
    error_message = "Old versions and marks of deletions would keep the alarm on."
  }
}

run "a_budget_counts_something" {
  assert {
    condition     = length(module.observability.budget_tags) == 0
    error_message = "A tag that is not activated counts nothing."
  }
}

run "a_budget_by_a_tag" {
  variables {
    cost_tag = "Environment$polelake"
  }

  assert {
    condition     = module.observability.budget_tags == ["user:Environment$polelake"]
    error_message = "The budget counts by the tag that is named."
  }
}

run "wrong_limits_are_refused" {
  command = plan

  variables {
    late_alarm = 5
    cost_tag   = "polelake"
  }

  expect_failures = [var.late_alarm, var.cost_tag]
}
