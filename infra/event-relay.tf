# event-relay: events in over HTTP and SQS, acknowledged records out: to the events queue, or to Kafka.

locals {
  # API Gateway waits for 30 s; three attempts of 10 s stop at the deadline.
  relay_timeout = 29
  # Seconds after which a notice tells of a message.
  notice_delay = 900
}

module "event_relay" {
  source = "./modules/function"

  name         = "${var.name}-event-relay"
  description  = "Events in over HTTP and SQS, acknowledged records out"
  package      = "${var.packages}/event-relay.zip"
  architecture = local.common.architecture
  timeout      = local.relay_timeout
  memory       = 512
  # Each sandbox holds a connection to each broker. MSK with IAM accepts at most 3,000, and 100 new ones a second.
  reserved_concurrency = var.relay_concurrency

  environment = {
    WATCHING  = local.common.watching_setting
    STACK     = var.name
    CONTRACTS = var.contracts_deployed
    TRANSPORT = var.transport
    # The queue's own limit: a batch that is larger goes to the raw bucket, and the message names it.
    EVENTS_QUEUE_URL           = local.uses_queue ? module.events_queue[0].url : ""
    EVENTS_QUEUE_MESSAGE_BYTES = local.uses_queue ? tostring(local.events_queue_message_bytes) : ""
    # The longest that SQS holds a message back: one lands long before.
    NOTICE_DELAY_SECONDS = local.uses_queue ? tostring(local.notice_delay) : ""
    RAW_BUCKET           = local.uses_queue ? module.raw_bucket.name : ""
    KAFKA_BOOTSTRAP      = local.uses_kafka ? local.kafka.bootstrap : ""
    KAFKA_AUTH           = local.uses_kafka ? var.kafka_auth : ""
    QUEUE_SOURCES        = join(",", [for source, queue in module.relay_queue : "${queue.name}=${source}"])
    FETCH_ORIGINS        = join(",", [for source, origin in var.fetch_origins : "${source}=${origin}"])
    FETCH_LOOPBACK       = "refused"
  }

  # Brokers are in a VPC, and APIs of a private network. The events queue needs none.
  vpc = local.network == null ? null : {
    subnet_ids         = local.network.subnet_ids
    security_group_ids = local.network.client_security_group_ids
  }

  statements = jsonencode(concat(
    [for statement in [
      {
        Sid      = "Connect"
        Effect   = "Allow"
        Action   = ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"]
        Resource = [local.kafka.arn]
      },
      {
        Sid      = "Produce"
        Effect   = "Allow"
        Action   = ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"]
        Resource = local.topic_arns
      },
    ] : statement if local.kafka.iam && var.kafka_auth == "msk-iam"],
    [for statement in [
      {
        Sid      = "Send"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = module.events_queue[*].arn
      },
      {
        Sid       = "SealMessages"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = local.key_arns.events
        Condition = local.through_sqs
      },
      {
        # Batches that are too large for a message. No right to read them, or the raw log.
        Sid      = "StoreLargeBatches"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["${local.bucket_arns.raw}/${local.queued_batches}*"]
      },
      {
        Sid       = "SealLargeBatches"
        Effect    = "Allow"
        Action    = ["kms:GenerateDataKey"]
        Resource  = local.key_arns.raw
        Condition = local.through_s3
      },
    ] : statement if local.uses_queue],
    [for statement in [{
      # Secrets Manager appends six characters to each name.
      Sid      = "SignFetches"
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = [for secret in local.secrets : "${local.arn.secretsmanager}:secret:${secret}-??????"]
    }] : statement if length(local.secrets) > 0],
    [for statement in [{
      Sid       = "OpenSecrets"
      Effect    = "Allow"
      Action    = ["kms:Decrypt"]
      Resource  = var.secret_key_arns
      Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${local.region}.amazonaws.com" } }
    }] : statement if length(var.secret_key_arns) > 0],
    [for statement in [
      {
        Sid      = "TakeMessages"
        Effect   = "Allow"
        Action   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        Resource = [for source in keys(var.queue_sources) : module.relay_queue[source].arn]
      },
      {
        Sid       = "OpenMessages"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = local.events_key_arns
        Condition = local.through_sqs
      },
    ] : statement if length(var.queue_sources) > 0],
  ))

  account            = local.account
  log_retention_days = local.common.log_retention_days
  emulated           = local.common.emulated
  log_level          = local.common.log_level
  kms_key_arn        = local.common.kms_key_arn
  kms_key_arns       = local.key_arns.operations
  watching           = local.common.watching
  alert_topic_arn    = local.common.alert_topic_arn
}

module "http_api" {
  count  = var.http == "api" ? 1 : 0
  source = "./modules/http_api"

  name             = "${var.name}-event-relay"
  function_name    = module.event_relay.name
  function_timeout = local.relay_timeout
  invoke_arn       = module.event_relay.invoke_arn
  routes           = ["POST /v1/{source}/events", "GET /v1/{source}/contract"]

  authoriser               = var.http_authoriser
  jwt_issuer               = var.jwt_issuer
  jwt_audience             = var.jwt_audience
  rate                     = var.http_rate
  burst                    = var.http_burst
  disable_default_endpoint = var.http_custom_domain_only

  log_retention_days = local.common.log_retention_days
  kms_key_arn        = local.common.kms_key_arn
  watching           = local.common.watching
  alert_topic_arn    = local.common.alert_topic_arn
}

moved {
  from = module.http_api
  to   = module.http_api[0]
}

module "function_url" {
  count  = var.http == "function-url" ? 1 : 0
  source = "./modules/function_url"

  name            = "${var.name}-event-relay"
  function_name   = module.event_relay.name
  function_arn    = module.event_relay.arn
  watching        = local.common.watching
  alert_topic_arn = local.common.alert_topic_arn
}

locals {
  endpoint = one(concat(module.http_api[*].endpoint, module.function_url[*].endpoint))
  # What a caller's role needs, by source. A function URL has no routes in IAM: which source a role may push to, the relay
  # decides by the contract's `push`.
  caller_statements = { for source in keys(local.sources) : source => one(concat(
    [for api in module.http_api : jsonencode([{
      Sid    = "CallApi"
      Effect = "Allow"
      Action = ["execute-api:Invoke"]
      Resource = [
        "${api.execution_arn}/$default/POST/v1/${source}/events",
        "${api.execution_arn}/$default/GET/v1/${source}/contract",
      ]
    }])],
    module.function_url[*].caller_statements,
  )) }
}

# A queue for each source that publishes to SNS.
module "relay_queue" {
  for_each = var.queue_sources
  source   = "./modules/queue"

  name               = "${var.name}-event-relay-${each.key}"
  arn_prefix         = local.arn.sqs
  fifo               = each.value.fifo
  function_timeout   = local.relay_timeout
  emulated           = var.emulated
  visibility_timeout = 6 * local.relay_timeout
  senders            = [for topic in each.value.topic_arns : { service = "sns.amazonaws.com", arn = topic }]
  kms_key_arn        = local.key_arn.events
  watching           = local.common.watching
  alert_topic_arn    = local.common.alert_topic_arn
}

resource "aws_sns_topic_subscription" "relay" {
  for_each = merge([
    for source, from in var.queue_sources : {
      for topic in from.topic_arns : "${source} ${topic}" => { source = source, topic = topic }
    }
  ]...)

  topic_arn = each.value.topic
  protocol  = "sqs"
  endpoint  = module.relay_queue[each.value.source].arn
}

resource "aws_lambda_event_source_mapping" "relay" {
  for_each = module.relay_queue

  event_source_arn = each.value.arn
  function_name    = module.event_relay.name
  batch_size       = 10
  # The answer names the messages that failed; without this setting SQS would delete them with the others.
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    # Half of the reserved concurrency stays for HTTP.
    maximum_concurrency = max(2, floor((var.relay_concurrency == -1 ? 50 : var.relay_concurrency) / 2))
  }
}
