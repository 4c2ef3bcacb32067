# raw-landing: batches of the events queue and of Kafka in, immutable raw objects out.

locals {
  landing_timeout = 120

  # SQS takes 1 MiB; provider 5.100 refuses more than this. The relay gets the same number.
  events_queue_message_bytes = 262144
  # Batches that are too large for a message.
  queued_batches = "raw/_queue/"
  # A message is kept for 14 days, as a dead letter too, and a redrive begins them anew: its batch outlives both.
  queued_batch_days = 30

  # Whether a schedule starts the landings of the events queue.
  empties_queue = local.uses_queue && var.queue_landing == "schedule"

  # Only pollers that are provisioned have retry limits, a destination and partial answers.
  provisioned_pollers = var.kafka_pollers == "provisioned"
}

module "raw_landing" {
  source = "./modules/function"

  name         = "${var.name}-raw-landing"
  description  = "Batches of events in, immutable raw objects out"
  package      = "${var.packages}/raw-landing.zip"
  architecture = local.common.architecture
  # A batch of 6 MB takes a second; the rest allows for a slow S3.
  timeout      = local.landing_timeout
  memory       = 512
  behind_kafka = true

  environment = {
    WATCHING    = local.common.watching_setting
    STACK       = var.name
    RAW_BUCKET  = module.raw_bucket.name
    TOPIC_EPOCH = tostring(var.topic_epoch)
    # A lane for each landing that SQS may start at once: no two of them need the same name.
    QUEUE_LANES = local.uses_queue ? tostring(var.queue_landings) : ""
    # A scheduled landing receives for itself; a mapping gives it the messages.
    EVENTS_QUEUE_URL = local.empties_queue ? module.events_queue[0].url : ""
    # Lambda reads no partial answer of pollers on demand: there the whole invocation fails when a partition does.
    KAFKA_FAILURES = local.uses_kafka && !local.provisioned_pollers ? "batch" : ""
  }

  # The function writes only to S3 and needs no VPC; Lambda's pollers use its role when they enter the brokers' VPC.
  polls_in_vpc = local.uses_kafka

  statements = jsonencode(concat(
    [
      {
        # Raw objects and the hints of log ends, raw/_log/. No right to delete.
        # Batches that the relay put below raw/_queue/ are read with the same right.
        Sid      = "Land"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = ["${local.bucket_arns.raw}/raw/*"]
      },
      {
        # Only the relay stores batches.
        Sid      = "LeaveQueuedBatches"
        Effect   = "Deny"
        Action   = ["s3:PutObject"]
        Resource = ["${local.bucket_arns.raw}/${local.queued_batches}*"]
      },
      {
        # Without this right S3 answers 403 and not 404 for a missing hint.
        Sid      = "FindEnds"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [local.bucket_arns.raw]
      },
      {
        Sid       = "Seal"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = local.key_arns.raw
        Condition = local.through_s3
      },
    ],
    [for statement in [
      {
        Sid    = "TakeMessages"
        Effect = "Allow"
        # Lambda's mapping needs two more than the function's own receiving does.
        Action = local.empties_queue ? ["sqs:DeleteMessage", "sqs:ReceiveMessage"] : [
          "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage",
        ]
        Resource = module.events_queue[*].arn
      },
      {
        Sid       = "OpenMessages"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = local.events_key_arns
        Condition = local.through_sqs
      },
    ] : statement if local.uses_queue],
    [for statement in [
      {
        # Lambda writes records that it gives up with the function's role.
        Sid      = "KeepGivenUp"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = ["${local.bucket_arns.failures}/aws/lambda/*"]
      },
      {
        Sid      = "FindGivenUp"
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [local.bucket_arns.failures]
      },
    ] : statement if local.uses_kafka && local.provisioned_pollers],
    [for statement in [
      {
        Sid      = "FindBrokers"
        Effect   = "Allow"
        Action   = ["kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"]
        Resource = [local.kafka.arn]
      },
      {
        Sid      = "Connect"
        Effect   = "Allow"
        Action   = ["kafka-cluster:Connect", "kafka-cluster:DescribeClusterDynamicConfiguration"]
        Resource = [local.kafka.arn]
      },
      {
        Sid      = "Consume"
        Effect   = "Allow"
        Action   = ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"]
        Resource = local.topic_arns
      },
      {
        Sid      = "Commit"
        Effect   = "Allow"
        Action   = ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"]
        Resource = [for group in values(local.groups) : "${local.kafka_prefix.group}/${group}"]
      },
    ] : statement if local.kafka.iam],
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

# The events of all sources whose transport is the queue.
module "events_queue" {
  count  = local.uses_queue ? 1 : 0
  source = "./modules/queue"

  name             = "${var.name}-events"
  arn_prefix       = local.arn.sqs
  function_timeout = local.landing_timeout
  emulated         = var.emulated
  # Lambda counts the window, in which it gathers a batch, to the time for which it holds a message.
  visibility_timeout = 6 * local.landing_timeout + var.landing_window
  max_message_bytes  = local.events_queue_message_bytes
  # A landing fails only when S3 does, and then it waits: 20 tries are more than five hours.
  max_receive_count = 20
  # SQS may count a notice's age from its sending, before it shows the notice: it is no sign that the landing is slow.
  max_age         = 900 + local.notice_delay
  age_is_watched  = true
  kms_key_arn     = local.key_arn.events
  watching        = local.common.watching
  alert_topic_arn = local.common.alert_topic_arn
}

# A batch without messages: the landing looks for what was acknowledged and did not come, also when nothing is sent.
module "missing_messages_schedule" {
  count  = local.uses_queue ? 1 : 0
  source = "./modules/schedule"

  name               = "${var.name}-missing-messages"
  description        = "Messages that were acknowledged and did not land"
  group              = aws_scheduler_schedule_group.this.name
  expression         = "rate(1 hour)"
  enabled            = var.schedules_enabled
  target_arn         = module.raw_landing.arn
  action             = "lambda:InvokeFunction"
  input              = { Records = [], scheduled_time = "<aws.scheduler.scheduled-time>" }
  account            = local.account
  failures_queue_arn = aws_sqs_queue.failed_invocations.arn
  kms_key_arn        = local.common.kms_key_arn
}

# Once in a window the landing receives until the queue is empty: no poll is paid for an empty queue, and one batch makes
# the fewest raw objects. A run that overlaps another uses another lane.
module "empty_queue_schedule" {
  count  = local.empties_queue ? 1 : 0
  source = "./modules/schedule"

  name        = "${var.name}-empty-queue"
  description = "The events queue is landed"
  group       = aws_scheduler_schedule_group.this.name
  # Scheduler counts in minutes.
  expression         = local.landing_minutes == 1 ? "rate(1 minute)" : "rate(${local.landing_minutes} minutes)"
  enabled            = var.landing_enabled && var.schedules_enabled
  target_arn         = module.raw_landing.arn
  action             = "lambda:InvokeFunction"
  input              = { empty_queue = true, scheduled_time = "<aws.scheduler.scheduled-time>" }
  account            = local.account
  failures_queue_arn = aws_sqs_queue.failed_invocations.arn
  kms_key_arn        = local.common.kms_key_arn
}

locals {
  landing_minutes = max(1, floor(var.landing_window / 60))
}

resource "aws_lambda_event_source_mapping" "events" {
  count = local.uses_queue && !local.empties_queue ? 1 : 0

  event_source_arn = module.events_queue[0].arn
  function_name    = module.raw_landing.name
  enabled          = var.landing_enabled
  # The largest batch and a long window make the fewest raw objects. Lambda ends a batch at 6 MB too.
  batch_size                         = 10000
  maximum_batching_window_in_seconds = var.landing_window
  # The answer names the messages that failed; without this setting SQS would delete them with the others.
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.queue_landings
  }
}

locals {
  groups = {
    for topic in keys(local.kafka_topics) : topic => lookup(var.consumer_groups, topic, "${var.name}-raw-landing-${topic}")
  }
}

module "kafka_source" {
  count  = local.uses_kafka && var.kafka_mappings ? 1 : 0
  source = "./modules/kafka_source"

  function_name = module.raw_landing.name
  topics        = toset(keys(local.kafka_topics))
  cluster_arn   = local.kafka.arn
  self_managed  = !local.kafka.iam
  bootstrap     = local.kafka.bootstrap
  vpc = {
    subnet_ids         = local.network.subnet_ids
    security_group_ids = local.network.broker_security_group_ids
  }

  group_prefix        = "${var.name}-raw-landing"
  consumer_groups     = var.consumer_groups
  enabled             = var.landing_enabled
  window              = var.landing_window
  provisioned         = local.provisioned_pollers
  maximum_pollers     = var.maximum_pollers
  lag                 = var.lag_alarm
  failures_bucket_arn = module.failures_bucket.arn
  watching            = local.common.watching
  alert_topic_arn     = local.common.alert_topic_arn
}
