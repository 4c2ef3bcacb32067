# The whole platform over mocked AWS: its parts, its rights, and the settings that it refuses.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  packages  = "./tests/packages"
  contracts = "./tests/contracts"
  # tests/transports.tftest.hcl has the events queue, which is the default, and both at once.
  transport = "kafka"
  network = {
    subnet_ids                = ["subnet-1", "subnet-2", "subnet-3"]
    client_security_group_ids = ["sg-1"]
    broker_security_group_ids = ["sg-2"]
  }
  queue_sources = { parking-permit = { topic_arns = ["arn:aws:sns:eu-west-2:123456789012:permits"] } }
  principals = {
    housing-analyst = ["arn:aws:iam::123456789012:role/housing-analysts"]
    safeguarding    = ["arn:aws:iam::123456789012:role/safeguarding"]
  }
  fan_out            = true
  cloudfront         = true
  access             = "iam"
  erasure_principals = ["arn:aws:iam::123456789012:role/data-protection"]
}

run "everything" {
  assert {
    condition = output.functions == {
      for function in ["event-relay", "raw-landing", "pole-transform", "snapshot-merge", "quality-report"] :
      function => "polelake-${function}"
    }
    error_message = "Five functions, under the five names."
  }

  assert {
    condition     = alltrue([for seconds in values(output.function_timeouts) : seconds >= 20 && seconds <= 840])
    error_message = "Every invocation ends within 14 min."
  }

  assert {
    condition     = output.function_timeouts["event-relay"] <= 30
    error_message = "API Gateway waits for 30 s."
  }

  assert {
    condition = alltrue([
      aws_lambda_event_source_mapping.transform.function_response_types == toset(["ReportBatchItemFailures"]),
      alltrue([for mapping in aws_lambda_event_source_mapping.relay :
      mapping.function_response_types == toset(["ReportBatchItemFailures"])]),
    ])
    error_message = "The answer names the messages that failed."
  }

  assert {
    condition = (
      module.transform_queue.visibility_timeout >= 6 * output.function_timeouts["pole-transform"] &&
      alltrue([for queue in module.relay_queue : queue.visibility_timeout >= 6 * output.function_timeouts["event-relay"]])
    )
    error_message = "Messages stay hidden for six invocations."
  }

  assert {
    condition = alltrue(flatten([for function in values(output.functions) : [
      for alarm in ["errors", "throttles", "duration"] : contains(output.alarms, "${function}-${alarm}")
    ]]))
    error_message = "Every function has its three alarms."
  }

  assert {
    condition = alltrue([for alarm in [
      "polelake-pole-transform-dead-letters", "polelake-pole-transform-dead-letters-age", "polelake-pole-transform-age",
      "polelake-event-relay-parking-permit-dead-letters", "polelake-raw-landing-offset-lag", "polelake-raw-landing-destination",
      "polelake-raw-landing-given-up-housing-person", "polelake-failures-bucket", "polelake-failed-invocations",
      "polelake-freshness-housing-person", "polelake-snapshot-missing", "polelake-report-missing", "polelake-reconciliation-open",
      "polelake-rules-failed", "polelake-merge-behind", "polelake-schedules", "polelake-snapshot-failed", "polelake-event-relay-5xx",
    ] : contains(output.alarms, alarm)])
    error_message = "An alarm is missing of: ${join(", ", output.alarms)}"
  }

  assert {
    condition     = local.secrets == ["polelake/housing-person/api"]
    error_message = "The relay may read the secrets of its sources."
  }

  assert {
    # The contract promises records every 6 hours: alarm after 12. The other source promises none.
    condition     = local.freshness_hours == { housing-person = 12 }
    error_message = "Freshness follows the contracts."
  }

  assert {
    condition = output.databases == tolist([
      "polelake_curated_pole", "polelake_curated_quality", "polelake_raw_housing", "polelake_raw_parking", "polelake_refined_pole",
    ])
    error_message = "Databases are those that snapshot-merge expects."
  }

  assert {
    condition     = output.schedules["polelake-snapshot-merge"] == "{\"scheduled_time\":\"<aws.scheduler.scheduled-time>\"}"
    error_message = "The merge gets the scheduled time, unescaped: ${output.schedules["polelake-snapshot-merge"]}"
  }

  assert {
    condition = jsondecode(output.schedules["polelake-snapshot-sweep"]) == {
      step = "sweep", keep = { daily = 35, monthly = 13, yearly = 7 }
    }
    error_message = "A sweep gets the days to retain."
  }

  assert {
    condition     = output.function_environments["event-relay"].QUEUE_SOURCES == "polelake-event-relay-parking-permit=parking-permit"
    error_message = "The relay knows the source of each queue."
  }

  assert {
    condition     = strcontains(module.state_machine[0].definition, "arn:aws:lambda:") && !strcontains(module.state_machine[0].definition, "$${")
    error_message = "The state machine has its values."
  }
}

run "policies" {
  assert {
    condition = alltrue([for policy in values(output.bucket_policies) : alltrue([
      for guard in ["OnlyTls", "OnlyModernTls", "OnlyOwnKey"] :
      anytrue([for statement in jsondecode(policy).Statement : statement.Sid == guard && statement.Effect == "Deny"])
    ])])
    error_message = "Every bucket refuses plain HTTP, old TLS and foreign keys."
  }

  assert {
    condition = anytrue([for statement in jsondecode(output.bucket_policies["raw"]).Statement :
      statement.Effect == "Deny" && statement.Principal == "*"
      && toset(try(tolist(statement.Action), [])) == toset(["s3:DeleteObject", "s3:DeleteObjectVersion"])
      && try(statement.Condition.ArnNotEquals["aws:PrincipalArn"], "") == "arn:aws:iam::123456789012:role/polelake-erasure"
    ])
    error_message = "Only the role that erases deletes in raw."
  }

  assert {
    condition = anytrue([for statement in jsondecode(output.bucket_policies["raw"]).Statement :
      statement.Effect == "Deny" && statement.Action == "s3:PutObject"
      && try(statement.Condition.Null, {}) == { "s3:if-none-match" = "true", "s3:if-match" = "true" }
      && try(statement.NotResource, []) == ["arn:aws:s3:::polelake-raw-123456789012-eu-west-2/raw/_log/*"]
    ])
    error_message = "Raw accepts only conditional writes, except for hints."
  }

  assert {
    # AWS's tables list no resources for the exceptions.
    condition = alltrue(flatten([for policy in values(output.function_policies) : [
      for statement in jsondecode(policy).Statement : !contains(statement.Resource, "*") || statement.Effect == "Deny" || alltrue([
        for action in statement.Action : startswith(action, "xray:") || startswith(action, "ec2:")
      ])
    ]]))
    error_message = "A policy names no resource."
  }

  assert {
    condition = alltrue([for policy in values(output.function_policies) : anytrue([
      for statement in jsondecode(policy).Statement : alltrue([
        statement.Effect == "Deny",
        toset(statement.Action) == toset(["s3:PutObject", "sns:Publish", "sqs:SendMessage"]),
        statement.Resource == ["*"],
        try(statement.Condition.StringNotEquals, {}) == { "aws:ResourceAccount" = "123456789012" },
        try(statement.Condition.Null, {}) == { "aws:ResourceAccount" = "false" },
      ]) if statement.Sid == "StayInAccount"
    ])])
    error_message = "A function may write to another account."
  }

  assert {
    condition = alltrue(flatten([for policy in values(output.function_policies) : [
      for statement in jsondecode(policy).Statement : [for action in statement.Action : !strcontains(action, "*")]
    ]]))
    error_message = "A policy names no action."
  }

  assert {
    condition = alltrue(flatten([for function in ["event-relay", "raw-landing"] : [
      for statement in jsondecode(output.function_policies[function]).Statement :
      statement.Effect == "Deny" || !contains(statement.Action, "s3:DeleteObject")
    ]]))
    error_message = "Functions that write records may not delete them."
  }

  assert {
    condition = alltrue(flatten([for statement in jsondecode(output.function_policies["quality-report"]).Statement : [
      for resource in statement.Resource : can(regex("/(table|source)/[*]$", resource))
    ] if contains(statement.Action, "s3:DeleteObject")]))
    error_message = "quality-report deletes only pages of tables and sources."
  }

  assert {
    condition = toset(flatten([for statement in jsondecode(output.function_policies["quality-report"]).Statement :
      statement.Resource if statement.Effect == "Allow" && contains(statement.Action, "sns:Publish")
    ])) == toset([output.alert_topic_arn])
    error_message = "quality-report publishes to one topic."
  }

  assert {
    condition = (
      strcontains(output.readers["safeguarding"], "polelake_curated_pole/person_history") &&
      !strcontains(output.readers["housing-analyst"], "/person") &&
      strcontains(output.readers["housing-analyst"], "curated/object/*")
    )
    error_message = "IAM withholds tables with personal columns from roles without a grant."
  }

  assert {
    condition = aws_cloudfront_response_headers_policy.site[0].security_headers_config[0].content_security_policy[0].content_security_policy == (
      "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
    error_message = "Pages load only the site's own files."
  }
}

run "columns_by_lake_formation" {
  variables {
    access                = "lake_formation"
    lake_formation_admins = ["arn:aws:iam::123456789012:role/deployer"]
  }

  assert {
    condition = output.columns["polelake_curated_pole.person housing-analyst arn:aws:iam::123456789012:role/housing-analysts"] == (
      toset(["date_of_birth", "surname"])
    )
    error_message = "Personal columns are withheld."
  }

  assert {
    condition     = length(output.columns["polelake_curated_pole.person safeguarding arn:aws:iam::123456789012:role/safeguarding"]) == 0
    error_message = "A role with the grant sees personal columns."
  }

  assert {
    # Two tables, each as the newest day, the history and Iceberg: housing-analyst six, safeguarding three.
    condition     = length(output.columns) == 9
    error_message = "Grants are exactly those of the contracts."
  }
}

run "no_grant_without_access" {
  variables {
    access = "none"
  }

  assert {
    condition     = length(output.readers) == 0 && length(output.columns) == 0
    error_message = "No access, no grants."
  }
}

run "kafka_that_is_not_msk" {
  variables {
    msk             = "existing"
    kafka_bootstrap = "kafka.example:9092,kafka2.example:9092"
    kafka_auth      = "none"
  }

  assert {
    condition     = !strcontains(output.function_policies["event-relay"], "kafka-cluster:") && output.kafka_bootstrap == "kafka.example:9092,kafka2.example:9092"
    error_message = "Without MSK there is no cluster to name."
  }
}

run "bearer_tokens" {
  variables {
    http_authoriser  = "jwt"
    jwt_issuer       = "https://issuer.example"
    jwt_audience     = ["polelake"]
    landing_enabled  = false
    raw_archive_days = 90
    watched_tables   = ["person"]
    monthly_budget   = 100
  }

  assert {
    condition     = contains(output.alarms, "polelake-table-missing-person")
    error_message = "A watched table has an alarm of its own."
  }
}

run "wrong_settings_are_refused" {
  command = plan

  variables {
    name              = "Pole_Lake"
    architecture      = "riscv"
    kafka_auth        = "none"
    topic_epoch       = 0
    transport         = "pigeon"
    kafka_pollers     = "sometimes"
    queue_landings    = 1
    landing_window    = 301
    relay_concurrency = 1
    keep              = { daily = 0, monthly = 0, yearly = 0 }
    report_memory     = 512
  }

  expect_failures = [
    var.name, var.architecture, var.kafka_auth, var.topic_epoch, var.relay_concurrency, var.keep, var.report_memory,
    var.transport, var.kafka_pollers, var.queue_landings, var.landing_window,
  ]
}

run "an_unknown_source_is_told_of" {
  command = plan

  variables {
    queue_sources = { unknown = { topic_arns = [] } }
  }

  expect_failures = [check.queues]
}

run "a_secret_of_another_source_is_not_granted" {
  command = plan

  variables {
    contracts = "./tests/foreign-secret"
  }

  expect_failures = [check.fetching]

  assert {
    condition     = local.secrets == []
    error_message = "A contract gave the relay the secret of another source."
  }
}

run "callers_are_named_in_full" {
  command = plan

  variables {
    contracts = "./tests/callers-by-pattern"
  }

  expect_failures = [output.caller_policies]
}

run "readers_and_erasers_are_named_in_full" {
  command = plan

  variables {
    principals            = { housing-analyst = ["arn:aws:iam::123456789012:role/housing-*"] }
    erasure_principals    = ["*"]
    lake_formation_admins = ["arn:aws:iam::*:role/deployer"]
  }

  expect_failures = [var.principals, var.erasure_principals, var.lake_formation_admins]
}

run "origins_have_no_user_info" {
  command = plan

  variables {
    fetch_origins = { housing-person = "https://test.example@evil.example" }
  }

  expect_failures = [var.fetch_origins]
}
