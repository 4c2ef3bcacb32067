# Deployments by their transports: the events queue alone, both at once, a source that moves, Kafka on demand.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  packages  = "./tests/packages"
  contracts = "./tests/contracts"
}

run "the_events_queue_alone" {
  assert {
    condition = alltrue([
      length(aws_msk_serverless_cluster.this) == 0,
      length(aws_msk_cluster.this) == 0,
      length(aws_msk_configuration.this) == 0,
      length(module.kafka_source) == 0,
      length(module.network) == 0,
      output.kafka_bootstrap == null,
      length(output.topics) == 0,
      length(output.consumer_groups) == 0,
    ])
    error_message = "Without a source that uses it there is no Kafka, and no VPC."
  }

  assert {
    condition = output.function_environments["event-relay"] == tomap({
      CONTRACTS                  = "/var/task/contracts.json"
      STACK                      = "polelake"
      TRANSPORT                  = "queue"
      EVENTS_QUEUE_URL           = output.events_queue_url
      EVENTS_QUEUE_MESSAGE_BYTES = "262144"
      NOTICE_DELAY_SECONDS       = "900"
      RAW_BUCKET                 = output.buckets.raw
      FETCH_LOOPBACK             = "refused"
    })
    error_message = "The relay has the settings of the queue, and none of Kafka."
  }

  assert {
    condition = output.function_environments["raw-landing"] == tomap({
      RAW_BUCKET = output.buckets.raw, STACK = "polelake", TOPIC_EPOCH = "1", QUEUE_LANES = "2"
    })
    error_message = "The landing has a lane for each of its invocations."
  }

  assert {
    condition = length(aws_lambda_event_source_mapping.events) == 1 && alltrue([
      for mapping in aws_lambda_event_source_mapping.events : alltrue([
        mapping.function_name == "polelake-raw-landing",
        mapping.batch_size == 10000,
        mapping.maximum_batching_window_in_seconds == 300,
        mapping.function_response_types == toset(["ReportBatchItemFailures"]),
        mapping.scaling_config[0].maximum_concurrency == 2,
        mapping.enabled,
      ])
    ])
    error_message = "Batches are the largest, and the answer names the messages that failed."
  }

  assert {
    condition     = module.events_queue[0].visibility_timeout == 6 * output.function_timeouts["raw-landing"] + 300
    error_message = "Messages stay hidden for six invocations and the window."
  }

  assert {
    condition     = module.events_queue[0].max_message_bytes == tonumber(output.function_environments["event-relay"].EVENTS_QUEUE_MESSAGE_BYTES)
    error_message = "The relay knows another limit of a message than the queue has."
  }

  assert {
    condition = alltrue([for policy in values(output.function_policies) :
    !strcontains(policy, "kafka") && !strcontains(policy, "ec2:")])
    error_message = "Without Kafka no function has rights on it, or on a network."
  }

  assert {
    condition = alltrue([for alarm in ["polelake-events-age", "polelake-events-dead-letters", "polelake-events-dead-letters-age"] :
    contains(output.alarms, alarm)])
    error_message = "The events queue has its alarms."
  }

  assert {
    condition = alltrue([for alarm in output.alarms :
    !anytrue([for part in ["offset-lag", "offset-gaps", "given-up", "destination", "-kafka-"] : strcontains(alarm, part)])])
    error_message = "An alarm watches what is not there: ${join(", ", output.alarms)}"
  }
}

run "rights_on_the_events_queue" {
  assert {
    condition = {
      for statement in jsondecode(output.function_policies["event-relay"]).Statement :
      statement.Sid => { actions = statement.Action, on = statement.Resource }
      if contains(["Send", "StoreLargeBatches"], statement.Sid)
      } == {
      Send              = { actions = ["sqs:SendMessage"], on = ["arn:aws:sqs:eu-west-2:123456789012:mocked"] }
      StoreLargeBatches = { actions = ["s3:PutObject"], on = ["arn:aws:s3:::polelake-raw-123456789012-eu-west-2/raw/_queue/*"] }
    }
    error_message = "The relay sends to one queue and writes below one prefix."
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(output.function_policies["event-relay"]).Statement : [
        for action in statement.Action : contains(["s3:PutObject"], action) || !startswith(action, "s3:")
      ]
    ]))
    error_message = "The relay reads and lists nothing in S3."
  }

  assert {
    condition = one([
      for statement in jsondecode(output.function_policies["raw-landing"]).Statement : statement.Action
      if statement.Sid == "TakeMessages"
    ]) == ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    error_message = "The landing takes messages, and sends none."
  }

  assert {
    condition = alltrue([
      for function, sids in { event-relay = ["SealMessages", "SealLargeBatches"], raw-landing = ["OpenMessages", "Seal"] } :
      alltrue([for sid in sids : anytrue([
        for statement in jsondecode(output.function_policies[function]).Statement :
        statement.Sid == sid && can(statement.Condition.StringEquals["kms:ViaService"])
      ])])
    ])
    error_message = "Keys are used through SQS and S3 only."
  }
}

run "both_transports" {
  variables {
    contracts = "./tests/both-transports"
  }

  assert {
    condition     = output.transports == { housing-person = "kafka", parking-permit = "queue" }
    error_message = "A contract's transport comes before the deployment's."
  }

  assert {
    condition = alltrue([
      output.topics == tolist(["housing-person"]),
      toset(keys(output.consumer_groups)) == toset(["housing-person"]),
      length(aws_msk_serverless_cluster.this) == 1,
      length(module.network) == 1,
      length(aws_lambda_event_source_mapping.events) == 1,
      contains(output.alarms, "polelake-raw-landing-given-up-housing-person"),
      !contains(output.alarms, "polelake-raw-landing-given-up-parking-permit"),
      contains(output.alarms, "polelake-messages-missing-parking-permit"),
      !contains(output.alarms, "polelake-messages-missing-housing-person"),
      contains(output.alarms, "polelake-offset-gaps-housing-person"),
      !contains(output.alarms, "polelake-offset-gaps-parking-permit"),
      contains(output.alarms, "polelake-landing-failed-parking-permit"),
    ])
    error_message = "Kafka has the topics of its own sources alone."
  }

  assert {
    condition = alltrue([
      for setting in ["EVENTS_QUEUE_URL", "KAFKA_BOOTSTRAP", "KAFKA_AUTH", "RAW_BUCKET"] :
      contains(keys(output.function_environments["event-relay"]), setting)
    ])
    error_message = "The relay has the settings of both."
  }

  assert {
    condition = (
      strcontains(output.function_policies["event-relay"], "topic/polelake/11111111-2222-3333-4444-555555555555-s1/housing-person") &&
      !strcontains(output.function_policies["event-relay"], "/parking-permit")
    )
    error_message = "The relay writes to no topic whose source uses the queue."
  }
}

# Until the topic is empty, its records land; the relay already sends to the queue.
run "a_source_that_moves_to_the_queue" {
  variables {
    contracts = "./tests/both-transports"
    transport = "queue"
    draining  = ["parking-permit"]
  }

  assert {
    condition = (
      output.topics == tolist(["housing-person", "parking-permit"]) &&
      output.transports["parking-permit"] == "queue" &&
      contains(output.alarms, "polelake-raw-landing-given-up-parking-permit")
    )
    error_message = "The former topic of a source that drains is still read."
  }
}

run "the_last_source_that_moves_to_kafka" {
  variables {
    contracts = "./tests/both-transports"
    transport = "kafka"
    draining  = ["parking-permit"]
  }

  assert {
    condition     = toset(values(output.transports)) == toset(["kafka"]) && length(aws_lambda_event_source_mapping.events) == 1
    error_message = "The queue is still read while a source drains."
  }
}

run "kafka_alone" {
  variables {
    contracts = "./tests/both-transports"
    transport = "kafka"
  }

  assert {
    condition = alltrue([
      length(module.events_queue) == 0,
      length(aws_lambda_event_source_mapping.events) == 0,
      output.events_queue_url == null,
      !anytrue(flatten([for statement in jsondecode(output.function_policies["event-relay"]).Statement : [
        for action in statement.Action : action == "sqs:SendMessage" || startswith(action, "s3:")
      ] if statement.Effect == "Allow"])),
      !contains(keys(output.function_environments["event-relay"]), "RAW_BUCKET"),
      !contains(keys(output.function_environments["raw-landing"]), "QUEUE_LANES"),
      !contains(keys(output.function_environments["raw-landing"]), "KAFKA_FAILURES"),
    ])
    error_message = "Without a source that uses it there is no events queue."
  }
}

run "kafka_on_demand" {
  variables {
    contracts     = "./tests/both-transports"
    transport     = "kafka"
    kafka_pollers = "on-demand"
  }

  assert {
    condition     = output.function_environments["raw-landing"].KAFKA_FAILURES == "batch"
    error_message = "On demand, an invocation fails as a whole."
  }

  assert {
    condition = (
      !strcontains(output.function_policies["raw-landing"], "failures") &&
      !contains(output.alarms, "polelake-raw-landing-destination") &&
      !contains(output.alarms, "polelake-raw-landing-given-up-housing-person") &&
      contains(output.alarms, "polelake-raw-landing-offset-lag")
    )
    error_message = "On demand nothing is given up, and the lag is watched."
  }
}

run "a_source_that_is_not_there_cannot_drain" {
  command = plan

  variables {
    draining = ["unknown"]
  }

  expect_failures = [check.queues]
}

run "states_of_a_private_network_need_a_network" {
  command = plan

  variables {
    contracts = "./tests/private-network"
  }

  expect_failures = [check.fetching]
}
