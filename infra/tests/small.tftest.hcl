# What a small deployment leaves out, and what it must not: watching, keys, the function URL, scheduled landings.

mock_provider "aws" {
  source = "./tests/mocks"

  # Each key is another one.
  override_resource {
    target = aws_kms_key.this["raw"]
    values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/raw" }
  }
  override_resource {
    target = aws_kms_key.this["refined"]
    values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/refined" }
  }
  override_resource {
    target = aws_kms_key.this["curated"]
    values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/curated" }
  }
  override_resource {
    target = aws_kms_key.this["site"]
    values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/site" }
  }
  override_resource {
    target = aws_kms_key.this["events"]
    values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/events" }
  }
  override_resource {
    target = aws_kms_key.this["operations"]
    values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/operations" }
  }
  override_resource {
    target = aws_kms_key.this["lake"]
    values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/lake" }
  }
}

variables {
  packages      = "./tests/packages"
  contracts     = "./tests/contracts"
  watching      = "small"
  keys          = "one"
  queue_landing = "schedule"
}

run "a_small_deployment" {
  assert {
    condition = output.alarms == tolist([
      "polelake-derived-steps-failed",
      "polelake-errors",
      "polelake-events-age",
      "polelake-events-dead-letters",
      "polelake-messages-missing",
      "polelake-pole-transform-dead-letters",
      "polelake-quarantine",
      "polelake-reconciliation-open",
      "polelake-report-missing",
      "polelake-rules-failed",
    ])
    error_message = "Other alarms than the ten: ${join(", ", output.alarms)}"
  }

  assert {
    condition = jsonencode(module.observability.metrics) == jsonencode({
      polelake-derived-steps-failed = { metric = "derived_steps_failed", dimensions = { stack = "polelake", function = "snapshot-merge" } }
      polelake-errors               = { metric = "Errors", dimensions = {} }
      polelake-messages-missing     = { metric = "messages_missing", dimensions = { stack = "polelake", function = "raw-landing" } }
      polelake-quarantine           = { metric = "records_quarantined", dimensions = { stack = "polelake", function = "pole-transform" } }
      polelake-reconciliation-open  = { metric = "reconciliation_open", dimensions = { stack = "polelake", function = "quality-report" } }
      polelake-rules-failed         = { metric = "rules_failed", dimensions = { stack = "polelake", function = "quality-report" } }
    })
    error_message = "An alarm watches a series that small metrics do not have: ${jsonencode(module.observability.metrics)}"
  }

  assert {
    condition     = alltrue([for settings in values(output.function_environments) : settings.WATCHING == "small"])
    error_message = "Every function writes small metrics."
  }

  assert {
    condition = alltrue([for function in [
      module.event_relay, module.raw_landing, module.pole_transform, module.snapshot_merge, module.quality_report
      ] : alltrue([
        function.tracing == "PassThrough", function.log_retention_days == 30, !strcontains(function.policy, "xray:"),
    ])])
    error_message = "A small deployment has no traces, and logs of a month."
  }

  assert {
    condition     = output.dashboard == null
    error_message = "A small deployment has no dashboard."
  }

  assert {
    condition = alltrue([
      length(aws_lambda_event_source_mapping.events) == 0,
      module.empty_queue_schedule[0].expression == "rate(5 minutes)",
      module.empty_queue_schedule[0].state == "ENABLED",
      output.schedules["polelake-empty-queue"] == "{\"empty_queue\":true,\"scheduled_time\":\"<aws.scheduler.scheduled-time>\"}",
      contains(keys(output.schedules), "polelake-missing-messages"),
    ])
    error_message = "A schedule empties the queue once in a window, and no mapping reads it."
  }

  assert {
    condition = output.function_environments["raw-landing"] == tomap({
      RAW_BUCKET       = output.buckets.raw, STACK = "polelake", TOPIC_EPOCH = "1", QUEUE_LANES = "2", WATCHING = "small"
      EVENTS_QUEUE_URL = output.events_queue_url
    })
    error_message = "The landing knows the queue that it empties."
  }

  assert {
    condition = one([
      for statement in jsondecode(output.function_policies["raw-landing"]).Statement :
      { may = statement.Action, on = statement.Resource } if statement.Sid == "TakeMessages"
    ]) == { may = ["sqs:DeleteMessage", "sqs:ReceiveMessage"], on = [module.events_queue[0].arn] }
    error_message = "The landing receives and deletes, and no more."
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(output.function_policies["raw-landing"]).Statement : statement.Action == ["kms:Decrypt"]
      && try(statement.Condition.StringEquals["kms:ViaService"], "") == "sqs.eu-west-2.amazonaws.com"
    ])
    error_message = "The landing cannot open messages."
  }

  assert {
    condition     = module.events_queue[0].visibility_timeout >= 2 * output.function_timeouts["raw-landing"]
    error_message = "A run that overlaps another would receive what the other is landing."
  }

  assert {
    condition = one(jsondecode(output.caller_policies["housing-person"]).Statement).Resource == [
      "arn:aws:execute-api:eu-west-2:123456789012:mocked/$default/POST/v1/housing-person/events",
      "arn:aws:execute-api:eu-west-2:123456789012:mocked/$default/GET/v1/housing-person/contract",
    ]
    error_message = "A caller of the API reaches other routes than its source's."
  }
}

run "full_watching" {
  variables {
    watching = "full"
    http     = "function-url"
  }

  assert {
    condition     = alltrue([for settings in values(output.function_environments) : !contains(keys(settings), "WATCHING")])
    error_message = "Full is what the functions do without a setting."
  }

  assert {
    condition = alltrue([for function in [
      module.event_relay, module.raw_landing, module.pole_transform, module.snapshot_merge, module.quality_report
      ] : alltrue([
        function.tracing == "Active", function.log_retention_days == 365, strcontains(function.policy, "xray:PutTraceSegments"),
    ])])
    error_message = "Full watching has traces, and logs of a year."
  }

  assert {
    condition = output.dashboard == "polelake" && !contains(output.alarms, "polelake-errors") && alltrue([
      for alarm in [
        "messages-missing-housing-person", "quarantine-parking-permit", "freshness-housing-person", "event-relay-5xx",
        "landing-failed-parking-permit", "pole-transform-age", "events-age", "events-dead-letters-age", "event-relay-throttles",
        "raw-landing-errors", "snapshot-merge-duration", "failures-bucket", "snapshot-missing", "merge-behind",
        "unusual-metrics", "schedules",
      ] : contains(output.alarms, "polelake-${alarm}")
    ])
    error_message = "Full watching has an alarm of each source: ${join(", ", output.alarms)}"
  }
}

run "the_operator_says_how_long_logs_are_kept" {
  variables {
    log_retention_days = 90
    queue_sources      = { parking-permit = { topic_arns = ["arn:aws:sns:eu-west-2:123456789012:permits"] } }
  }

  assert {
    condition     = module.event_relay.log_retention_days == 90
    error_message = "The setting comes before the month."
  }

  assert {
    condition     = length(output.alarms) == 11 && contains(output.alarms, "polelake-event-relay-parking-permit-dead-letters")
    error_message = "A queue of SNS adds the alarm on its dead letters: ${join(", ", output.alarms)}"
  }
}

# Nothing that is lost goes unseen: gaps, what does not land, what Lambda gives up, and a landing that falls behind.
run "small_watching_of_kafka" {
  variables {
    contracts = "./tests/both-transports"
  }

  assert {
    condition = setsubtract(output.alarms, [
      "polelake-derived-steps-failed", "polelake-errors", "polelake-events-age", "polelake-events-dead-letters",
      "polelake-messages-missing", "polelake-pole-transform-dead-letters", "polelake-quarantine",
      "polelake-reconciliation-open", "polelake-report-missing", "polelake-rules-failed",
      ]) == toset([
      "polelake-failures-bucket", "polelake-landing-failed", "polelake-landing-late", "polelake-offset-gaps",
      "polelake-raw-landing-destination",
      "polelake-raw-landing-offset-lag",
    ])
    error_message = "What Kafka adds: ${join(", ", output.alarms)}"
  }

  assert {
    condition = alltrue([for alarm, metric in {
      landing-failed = "landing_failed", landing-late = "landing_wait_seconds", offset-gaps = "offset_gaps"
      } :
      jsonencode(module.observability.metrics["polelake-${alarm}"]) ==
      jsonencode({ metric = metric, dimensions = { stack = "polelake", function = "raw-landing" } })
    ])
    error_message = "Sums have no topic."
  }
}

run "small_metrics_have_no_topic" {
  command = plan

  variables {
    freshness_hours = { housing-person = 6 }
  }

  expect_failures = [var.watching]
}

run "small_metrics_have_no_table" {
  command = plan

  variables {
    watched_tables = ["person"]
  }

  expect_failures = [var.watching]
}

run "one_key" {
  variables {
    access             = "iam"
    cloudfront         = true
    fan_out            = true
    erasure_principals = ["arn:aws:iam::123456789012:role/data-protection"]
    principals = {
      housing-analyst = ["arn:aws:iam::123456789012:role/housing-analysts"]
      safeguarding    = ["arn:aws:iam::123456789012:role/safeguarding"]
    }
  }

  assert {
    condition     = output.kms_keys == tolist(["lake"])
    error_message = "One key: ${join(", ", output.kms_keys)}"
  }

  assert {
    condition = toset([for statement in jsondecode(aws_kms_key.this["lake"].policy).Statement : statement.Sid]) == toset([
      "Account", "CloudFront", "LogDelivery", "Logs", "Senders", "Topics",
    ])
    error_message = "The one key serves every service that a zone's key serves."
  }

  assert {
    condition = alltrue(flatten([for policy in values(output.function_policies) : [
      for statement in jsondecode(policy).Statement : statement.Resource == ["arn:aws:kms:eu-west-2:123456789012:key/lake"]
      if anytrue([for action in statement.Action : startswith(action, "kms:")])
    ]]))
    error_message = "A right on another key than the one."
  }

  assert {
    # Lambda itself reads settings, and keeps failed invocations, with the function's role.
    condition = alltrue(flatten([for policy in concat(
      values(output.function_policies), values(output.readers), [aws_iam_role_policy.erasure[0].policy]
      ) : [
      for statement in jsondecode(policy).Statement : can(regex("^(s3|sqs|sns|secretsmanager)[.]",
      statement.Condition.StringEquals["kms:ViaService"]))
      if anytrue([for action in statement.Action : startswith(action, "kms:")])
      && !contains(["ReadOwnSettings", "SealFailed"], statement.Sid)
    ]]))
    error_message = "The one key may be used without a service between."
  }

  assert {
    condition = alltrue([
      alltrue([for algorithm in values(output.bucket_encryption) : algorithm == "aws:kms"]),
      module.events_queue[0].encryption == toset(["KMS"]),
      module.transform_queue.encryption == toset(["KMS"]),
    ])
    error_message = "What is stored is under the key."
  }
}

run "no_key_of_ones_own" {
  variables {
    keys               = "aws"
    access             = "iam"
    cloudfront         = true
    fan_out            = true
    queue_sources      = { parking-permit = { topic_arns = ["arn:aws:sns:eu-west-2:123456789012:permits"] } }
    erasure_principals = ["arn:aws:iam::123456789012:role/data-protection"]
    principals = {
      housing-analyst = ["arn:aws:iam::123456789012:role/housing-analysts"]
      safeguarding    = ["arn:aws:iam::123456789012:role/safeguarding"]
    }
  }

  assert {
    condition     = length(output.kms_keys) == 0 && length(aws_kms_alias.this) == 0
    error_message = "There is a key: ${join(", ", output.kms_keys)}"
  }

  assert {
    condition = !anytrue([for policy in concat(
      values(output.function_policies),
      values(output.readers),
      values(output.bucket_policies),
      [for schedule in concat([module.merge_schedule, module.sweep_schedule], module.empty_queue_schedule) : schedule.policy],
      [aws_iam_role_policy.erasure[0].policy, module.state_machine[0].policy],
    ) : strcontains(policy, "kms:")])
    error_message = "A policy has a right on keys, and there is none."
  }

  assert {
    condition = alltrue(flatten([for policy in values(output.function_policies) : [
      for statement in jsondecode(policy).Statement : length(statement.Resource) > 0
    ]]))
    error_message = "A statement names no resource: IAM refuses it."
  }

  assert {
    condition = alltrue([
      alltrue([for algorithm in values(output.bucket_encryption) : algorithm == "AES256"]),
      alltrue([for queue in concat([module.events_queue[0], module.transform_queue], values(module.relay_queue)) :
      queue.encryption == toset(["SQS"])]),
      aws_sqs_queue.failed_invocations.sqs_managed_sse_enabled,
      aws_secretsmanager_secret.identity_key.kms_key_id == null,
      module.observability.topic_key == null,
    ])
    error_message = "Something is not encrypted by AWS's own keys; or the topic is, to which S3 could not send then."
  }

  assert {
    condition = alltrue([for policy in values(output.bucket_policies) : anytrue([
      for statement in jsondecode(policy).Statement : statement.Sid == "OnlyOwnKey" && statement.Effect == "Deny"
      && try(statement.Condition.StringNotEquals["s3:x-amz-server-side-encryption"], "") == "AES256"
    ])])
    error_message = "A request may choose another encryption."
  }
}

run "the_keys_of_a_former_choice_stay" {
  variables {
    former_keys = "zones"
  }

  assert {
    condition     = output.kms_keys == tolist(["curated", "events", "lake", "operations", "raw", "refined", "site"])
    error_message = "What is stored under the former keys could not be read: ${join(", ", output.kms_keys)}"
  }

  assert {
    condition = toset(one([
      for statement in jsondecode(output.function_policies["pole-transform"]).Statement : statement.Resource
      if statement.Sid == "OpenRaw"
    ])) == toset(["arn:aws:kms:eu-west-2:123456789012:key/lake", "arn:aws:kms:eu-west-2:123456789012:key/raw"])
    error_message = "The transform reads raw objects under both keys, and has no right on the other zones' former keys."
  }

  assert {
    condition = anytrue([for statement in jsondecode(output.bucket_policies["raw"]).Statement : try(
      statement.Condition.StringNotEquals["s3:x-amz-server-side-encryption-aws-kms-key-id"], ""
    ) == "arn:aws:kms:eu-west-2:123456789012:key/lake"])
    error_message = "New objects are under the new key."
  }
}

run "from_keys_to_none" {
  variables {
    keys        = "aws"
    former_keys = "one"
  }

  assert {
    condition = output.kms_keys == tolist(["lake"]) && strcontains(output.function_policies["snapshot-merge"], "key/lake") && (
      output.bucket_encryption["curated"] == "AES256"
    )
    error_message = "Old objects are read under the former key, new ones have none."
  }
}

run "keys_of_each_zone" {
  variables {
    keys = "zones"
  }

  assert {
    condition = { for function, policy in output.function_policies : function => toset(flatten([
      for statement in jsondecode(policy).Statement : [for arn in statement.Resource : reverse(split("/", arn))[0]]
      if anytrue([for action in statement.Action : startswith(action, "kms:")])
      ])) } == {
      event-relay    = toset(["events", "operations", "raw"])
      raw-landing    = toset(["events", "operations", "raw"])
      pole-transform = toset(["operations", "raw", "refined"])
      snapshot-merge = toset(["operations", "refined", "curated"])
      quality-report = toset(["operations", "refined", "curated", "site"])
    }
    error_message = "The right to read a zone is not separate from the right to read another."
  }
}

run "a_function_url" {
  variables {
    http = "function-url"
  }

  assert {
    condition = alltrue([
      output.endpoint == "https://mocked.lambda-url.eu-west-2.on.aws",
      output.http_execution_arn == null,
      length(module.http_api) == 0,
      !contains(output.alarms, "polelake-event-relay-5xx"),
    ])
    error_message = "The function URL takes the API's place: ${output.endpoint}"
  }

  assert {
    condition = { for statement in jsondecode(output.caller_policies["housing-person"]).Statement :
      statement.Action[0] => { on = statement.Resource, when = statement.Condition }
      } == {
      "lambda:InvokeFunctionUrl" = {
        on   = ["arn:aws:lambda:eu-west-2:123456789012:function:mocked"]
        when = { StringEquals = { "lambda:FunctionUrlAuthType" = "AWS_IAM" } }
      }
      "lambda:InvokeFunction" = {
        on   = ["arn:aws:lambda:eu-west-2:123456789012:function:mocked"]
        when = { Bool = { "lambda:InvokedViaFunctionUrl" = "true" } }
      }
    }
    error_message = "A caller needs both rights, and neither past the address."
  }
}

run "a_function_url_knows_no_tokens" {
  command = plan

  variables {
    http            = "function-url"
    http_authoriser = "jwt"
    jwt_issuer      = "https://issuer.example"
    jwt_audience    = ["polelake"]
  }

  expect_failures = [var.http]
}

run "a_function_url_has_no_custom_domain" {
  command = plan

  variables {
    http                    = "function-url"
    http_custom_domain_only = true
  }

  expect_failures = [var.http]
}

run "a_short_window" {
  command = plan

  variables {
    landing_window  = 20
    landing_enabled = false
  }

  assert {
    condition     = module.empty_queue_schedule[0].expression == "rate(1 minute)" && module.empty_queue_schedule[0].state == "DISABLED"
    error_message = "Scheduler counts in minutes; a landing that is stopped is not started."
  }
}

run "schedules_that_stop" {
  command = plan

  variables {
    schedules_enabled = false
  }

  assert {
    condition     = module.empty_queue_schedule[0].state == "DISABLED"
    error_message = "All schedules stop together."
  }
}

run "a_mapping" {
  variables {
    queue_landing = "mapping"
  }

  assert {
    condition = alltrue([
      length(aws_lambda_event_source_mapping.events) == 1,
      length(module.empty_queue_schedule) == 0,
      !contains(keys(output.function_environments["raw-landing"]), "EVENTS_QUEUE_URL"),
    ])
    error_message = "A mapping gives the messages: the landing knows no queue."
  }
}

run "kafka_needs_no_scheduled_landing" {
  variables {
    contracts = "./tests/both-transports"
    transport = "kafka"
  }

  assert {
    condition = alltrue([
      length(module.empty_queue_schedule) == 0,
      !contains(keys(output.function_environments["raw-landing"]), "EVENTS_QUEUE_URL"),
      !contains(output.alarms, "polelake-messages-missing"),
    ])
    error_message = "Without the events queue nothing empties it."
  }
}

run "choices_that_are_none_are_refused" {
  command = plan

  variables {
    watching      = "loud"
    keys          = "some"
    former_keys   = "aws"
    http          = "carrier"
    queue_landing = "never"
  }

  expect_failures = [var.watching, var.keys, var.former_keys, var.http, var.queue_landing]
}
