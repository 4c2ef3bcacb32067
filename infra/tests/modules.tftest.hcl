# The settings that modules refuse, and both environments.

mock_provider "aws" {
  source = "./tests/mocks"

  override_resource {
    target = module.polelake.aws_kms_key.this["lake"]
    values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/lake" }
  }
}

variables {
  packages        = "./tests/packages"
  contracts       = "./tests/contracts"
  name            = "polelake"
  account         = "123456789012"
  kms_key_arn     = "arn:aws:kms:eu-west-2:123456789012:key/11111111-2222-3333-4444-555555555555"
  alert_topic_arn = "arn:aws:sns:eu-west-2:123456789012:alerts"
  # The relay fetches states from outside: the network that environments would create has no route there.
  network = {
    subnet_ids                = ["subnet-1", "subnet-2", "subnet-3"]
    client_security_group_ids = ["sg-1"]
    broker_security_group_ids = ["sg-2"]
  }
}

run "behind_kafka_14_minutes_are_the_most" {
  command = plan
  module {
    source = "./modules/function"
  }

  variables {
    description        = "A function"
    package            = "./tests/packages/raw-landing.zip"
    architecture       = "arm64"
    timeout            = 900
    memory             = 512
    environment        = {}
    statements         = "[]"
    behind_kafka       = true
    log_retention_days = 30
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_package_must_be_there" {
  command = plan
  module {
    source = "./modules/function"
  }

  variables {
    description        = "A function"
    package            = "./tests/packages/nothing.zip"
    architecture       = "arm64"
    timeout            = 60
    memory             = 512
    environment        = {}
    statements         = "[]"
    log_retention_days = 30
  }

  expect_failures = [aws_lambda_function.this]
}

run "metrics_need_the_log" {
  command = plan
  module {
    source = "./modules/function"
  }

  variables {
    description        = "A function"
    package            = "./tests/packages/raw-landing.zip"
    architecture       = "arm64"
    timeout            = 60
    memory             = 512
    environment        = {}
    statements         = "[]"
    log_retention_days = 30
    log_level          = "ERROR"
  }

  expect_failures = [var.log_level]
}

run "messages_stay_hidden" {
  command = plan
  module {
    source = "./modules/queue"
  }

  variables {
    arn_prefix         = "arn:aws:sqs:eu-west-2:123456789012"
    function_timeout   = 300
    visibility_timeout = 1799
  }

  expect_failures = [aws_sqs_queue.this]
}

run "a_message_that_failed_once_does_not_ring" {
  command = plan
  module {
    source = "./modules/queue"
  }

  variables {
    arn_prefix         = "arn:aws:sqs:eu-west-2:123456789012"
    function_timeout   = 300
    visibility_timeout = 1800
    max_age            = 1800
  }

  expect_failures = [aws_sqs_queue.this]
}

run "kafka_source" {
  module {
    source = "./modules/kafka_source"
  }

  variables {
    function_name       = "polelake-raw-landing"
    topics              = ["housing-person", "parking-permit"]
    cluster_arn         = "arn:aws:kafka:eu-west-2:123456789012:cluster/polelake/11111111-2222-3333-4444-555555555555-2"
    self_managed        = false
    vpc                 = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
    group_prefix        = "polelake-raw-landing"
    consumer_groups     = { parking-permit = "connect-permits" }
    window              = 60
    maximum_pollers     = 4
    lag                 = 1000
    failures_bucket_arn = "arn:aws:s3:::failures"
  }

  assert {
    condition = alltrue([for mapping in aws_lambda_event_source_mapping.this : alltrue([
      mapping.function_response_types == toset(["ReportBatchItemFailures"]),
      mapping.bisect_batch_on_function_error,
      mapping.maximum_retry_attempts == 10000,
      mapping.batch_size == 10000,
      mapping.starting_position == "TRIM_HORIZON",
      mapping.destination_config[0].on_failure[0].destination_arn == "arn:aws:s3:::failures",
      length(mapping.provisioned_poller_config) == 1,
    ])])
    error_message = "The mapping has the settings that landing needs."
  }

  assert {
    condition     = output.groups == { housing-person = "polelake-raw-landing-housing-person", parking-permit = "connect-permits" }
    error_message = "The mapping takes over a connector's group."
  }
}

run "kafka_source_on_demand" {
  module {
    source = "./modules/kafka_source"
  }

  variables {
    function_name       = "polelake-raw-landing"
    topics              = ["housing-person"]
    cluster_arn         = "arn:aws:kafka:eu-west-2:123456789012:cluster/polelake/11111111-2222-3333-4444-555555555555-2"
    self_managed        = false
    vpc                 = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
    group_prefix        = "polelake-raw-landing"
    window              = 300
    provisioned         = false
    maximum_pollers     = 4
    lag                 = 1000
    failures_bucket_arn = "arn:aws:s3:::failures"
  }

  assert {
    # The mock answers 0 for numbers that the provider leaves to AWS.
    condition = alltrue([for mapping in aws_lambda_event_source_mapping.this : alltrue([
      mapping.function_response_types == null,
      mapping.bisect_batch_on_function_error == null,
      mapping.maximum_retry_attempts == 0,
      mapping.maximum_record_age_in_seconds == 0,
      length(mapping.provisioned_poller_config) == 0,
      length(mapping.destination_config) == 0,
      length(mapping.metrics_config) == 0,
      mapping.batch_size == 10000,
      mapping.maximum_batching_window_in_seconds == 300,
    ])])
    error_message = "On demand, a setting remains that only provisioned pollers have."
  }

  assert {
    condition     = output.alarms == ["polelake-raw-landing-offset-lag"]
    error_message = "On demand nothing is given up: ${join(", ", output.alarms)}"
  }
}

run "api_gateway_waits_30_seconds" {
  command = plan
  module {
    source = "./modules/http_api"
  }

  variables {
    function_name      = "polelake-event-relay"
    function_timeout   = 60
    invoke_arn         = "arn:aws:lambda:eu-west-2:123456789012:function:relay"
    routes             = ["POST /v1/{source}/events"]
    authoriser         = "iam"
    rate               = 1
    burst              = 1
    log_retention_days = 30
  }

  expect_failures = [aws_apigatewayv2_integration.this]
}

run "no_route_is_open" {
  command = plan
  module {
    source = "./modules/http_api"
  }

  variables {
    function_name      = "polelake-event-relay"
    function_timeout   = 29
    invoke_arn         = "arn:aws:lambda:eu-west-2:123456789012:function:relay"
    routes             = ["POST /v1/{source}/events"]
    authoriser         = "none"
    rate               = 1
    burst              = 1
    log_retention_days = 30
  }

  expect_failures = [var.authoriser]
}

run "a_network_without_a_way_out" {
  module {
    source = "./modules/network"
  }

  variables {
    region              = "eu-west-2"
    account             = "123456789012"
    cidr                = "10.64.0.0/20"
    bucket_arns         = ["arn:aws:s3:::raw", "arn:aws:s3:::failures"]
    zones               = 3
    interface_endpoints = ["lambda", "sts"]
    log_retention_days  = 30
  }

  # Egress goes to groups and to the gateway of S3; nothing has a range of addresses.
  assert {
    condition = alltrue([
      for rule in concat(
        values(aws_vpc_security_group_ingress_rule.this), values(aws_vpc_security_group_egress_rule.this),
      ) : rule.cidr_ipv4 == null && rule.cidr_ipv6 == null && rule.referenced_security_group_id != null
    ])
    error_message = "Brokers, clients and endpoints speak with each other, and no range of addresses is let in or out."
  }

  assert {
    condition = alltrue([
      for rule in concat(values(aws_vpc_security_group_egress_rule.this), values(aws_vpc_security_group_egress_rule.s3)) :
      try(rule.cidr_ipv4, null) == null && try(rule.cidr_ipv6, null) == null && (
        try(rule.referenced_security_group_id, null) != null || try(rule.prefix_list_id, null) != null
      )
    ])
    error_message = "A group has open egress."
  }

  assert {
    condition = jsondecode(output.endpoint_policies.s3).Statement == [{
      Sid       = "OwnBuckets"
      Effect    = "Allow"
      Principal = "*"
      Action    = ["s3:AbortMultipartUpload", "s3:ListBucket", "s3:PutObject"]
      Resource  = ["arn:aws:s3:::raw", "arn:aws:s3:::raw/*", "arn:aws:s3:::failures", "arn:aws:s3:::failures/*"]
      Condition = {
        StringEquals = { "aws:PrincipalAccount" = "123456789012", "aws:ResourceAccount" = "123456789012" }
      }
    }]
    error_message = "The way to S3 leads to foreign buckets, or is open to foreign credentials: ${output.endpoint_policies.s3}"
  }

  assert {
    condition     = length(output.subnet_ids) == 3 && length(aws_vpc_endpoint.interface) == 2
    error_message = "A subnet in each zone, an endpoint for each service."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_ingress_rule.this : rule.to_port]) == toset([443, 9098])
    error_message = "Only endpoints and brokers."
  }
}

run "a_network_from_which_the_relay_sends_to_the_queue" {
  module {
    source = "./modules/network"
  }

  variables {
    region              = "eu-west-2"
    account             = "123456789012"
    cidr                = "10.64.0.0/20"
    bucket_arns         = ["arn:aws:s3:::raw", "arn:aws:s3:::failures"]
    zones               = 2
    interface_endpoints = ["lambda", "sts", "sqs"]
    log_retention_days  = 30
  }

  assert {
    condition     = toset(keys(aws_vpc_security_group_egress_rule.s3)) == toset(["clients-s3", "pollers-s3"])
    error_message = "The relay reaches SQS, and S3 for large batches."
  }

  assert {
    condition = one(jsondecode(output.endpoint_policies.sqs).Statement) == {
      Sid       = "OwnAccount"
      Effect    = "Allow"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = ["arn:aws:sqs:eu-west-2:123456789012:*"]
      Condition = { StringEquals = { "aws:PrincipalAccount" = "123456789012" } }
    }
    error_message = "The relay can send to foreign queues: ${output.endpoint_policies.sqs}"
  }
}

run "the_way_to_s3_names_its_buckets" {
  command = plan
  module {
    source = "./modules/network"
  }

  variables {
    region              = "eu-west-2"
    cidr                = "10.64.0.0/20"
    zones               = 3
    interface_endpoints = ["lambda", "sts"]
    log_retention_days  = 30
    bucket_arns         = ["arn:aws:s3:::*"]
  }

  expect_failures = [var.bucket_arns]
}

run "pollers_need_their_endpoints" {
  command = plan
  module {
    source = "./modules/network"
  }

  variables {
    region              = "eu-west-2"
    account             = "123456789012"
    cidr                = "10.64.0.0/20"
    bucket_arns         = ["arn:aws:s3:::raw", "arn:aws:s3:::failures"]
    zones               = 3
    interface_endpoints = ["sts"]
    log_retention_days  = 30
  }

  expect_failures = [var.interface_endpoints]
}

run "minimal" {
  module {
    source = "./environments/minimal"
  }

  assert {
    condition     = length(output.functions) == 5 && length(output.alarms) == 10
    error_message = "The minimal environment has five functions and small watching: ${join(", ", output.alarms)}"
  }

  assert {
    condition = output.function_environments["raw-landing"] == tomap({
      RAW_BUCKET       = output.buckets.raw, STACK = "polelake", TOPIC_EPOCH = "1", QUEUE_LANES = "2", WATCHING = "small"
      EVENTS_QUEUE_URL = output.events_queue_url
    })
    error_message = "The landing gets its bucket, the topics' epoch, the queue and its lanes."
  }

  assert {
    condition = toset(flatten([for policy in values(output.function_policies) : [
      for statement in jsondecode(policy).Statement : statement.Resource
      if anytrue([for action in statement.Action : startswith(action, "kms:")])
    ]])) == toset(["arn:aws:kms:eu-west-2:123456789012:key/lake"])
    error_message = "The minimal environment has one key."
  }

  assert {
    condition     = toset(values(output.transports)) == toset(["queue"]) && length(output.topics) == 0
    error_message = "The minimal environment has the events queue and no Kafka."
  }
}

run "minimal_over_kafka" {
  module {
    source = "./environments/minimal"
  }

  variables {
    transport = "kafka"
    watching  = "full"
    keys      = "zones"
  }

  assert {
    condition     = length(output.functions) == 5 && length(output.alarms) > 30
    error_message = "The minimal environment over Kafka is complete."
  }

  assert {
    condition     = output.function_environments["raw-landing"] == tomap({ RAW_BUCKET = output.buckets.raw, STACK = "polelake", TOPIC_EPOCH = "1" })
    error_message = "The landing gets its bucket and the topics' epoch."
  }
}

run "complete" {
  module {
    source = "./environments/complete"
  }

  variables {
    jwt_issuer         = "https://issuer.example"
    jwt_audience       = ["polelake"]
    queue_sources      = { parking-permit = { topic_arns = ["arn:aws:sns:eu-west-2:123456789012:permits.fifo"], fifo = true } }
    erasure_principals = ["arn:aws:iam::123456789012:role/data-protection"]
    principals = {
      housing-analyst = ["arn:aws:iam::123456789012:role/housing-analysts"]
      safeguarding    = ["arn:aws:iam::123456789012:role/safeguarding"]
    }
  }

  assert {
    condition     = contains(output.alarms, "polelake-kafka-disk-1") && contains(output.alarms, "polelake-snapshot-failed")
    error_message = "Brokers and the state machine have alarms."
  }

  assert {
    condition     = contains(output.alarms, "polelake-table-missing-person") && !contains(output.alarms, "polelake-errors")
    error_message = "The complete environment has full watching."
  }

  assert {
    condition     = length(output.grants) == 3
    error_message = "Grants are those of the contracts."
  }
}
