# The day over many functions: what its state machine may do, what it leaves, and who is told how it ended.

mock_provider "aws" {
  source = "./tests/mocks"

  override_resource {
    target = aws_kms_key.this["curated"]
    values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/curated" }
  }
  override_resource {
    target = aws_kms_key.this["operations"]
    values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/operations" }
  }
}

variables {
  packages  = "./tests/packages"
  contracts = "./tests/contracts"
  fan_out   = true
}

run "every_end_of_a_day_is_told" {
  assert {
    condition = module.state_machine[0].alarm_metrics == {
      polelake-snapshot-failed    = "ExecutionsFailed"
      polelake-snapshot-timed-out = "ExecutionsTimedOut"
      polelake-snapshot-aborted   = "ExecutionsAborted"
    }
    error_message = "A day that ends without being done has no alarm: ${jsonencode(module.state_machine[0].alarm_metrics)}"
  }

  assert {
    condition     = length(setsubtract(keys(module.state_machine[0].alarm_metrics), output.alarms)) == 0
    error_message = "The output leaves an alarm of the state machine out."
  }

  assert {
    # The next day's execution begins after 24 hours.
    condition     = jsondecode(module.state_machine[0].definition).TimeoutSeconds <= 86400
    error_message = "A day's execution may last until the next one begins."
  }
}

run "results_of_shards_are_objects" {
  assert {
    condition = jsondecode(module.state_machine[0].definition).States.Tables.ItemProcessor.States.Shards.ResultWriter == {
      Resource   = "arn:aws:states:::s3:putObject"
      Parameters = { Bucket = output.buckets.curated, Prefix = "curated/_runs" }
    }
    error_message = "The answers of many shards would pass 256 KiB."
  }

  assert {
    condition = [
      for statement in jsondecode(module.state_machine[0].policy).Statement : statement.Resource
      if contains(statement.Action, "s3:PutObject")
    ] == [["arn:aws:s3:::polelake-curated-123456789012-eu-west-2/curated/_runs/*"]]
    error_message = "The state machine writes below one prefix alone."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(module.state_machine[0].policy).Statement : statement.Action
      if anytrue([for action in statement.Action : startswith(action, "s3:")])
      ])) == toset([
      "s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject",
    ])
    error_message = "The state machine neither lists nor deletes."
  }

  assert {
    condition = one([
      for statement in jsondecode(module.state_machine[0].policy).Statement : statement if statement.Sid == "SealResults"
      ]) == {
      Sid       = "SealResults"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = ["arn:aws:kms:eu-west-2:123456789012:key/curated"]
      Condition = { StringEquals = { "kms:ViaService" = "s3.eu-west-2.amazonaws.com" } }
    }
    error_message = "Results are stored under the key of curated, through S3 alone."
  }

  assert {
    condition     = module.curated_bucket.expire["curated/_runs/"] <= 14
    error_message = "Results are kept for days, not for ever."
  }
}

run "its_log_is_delivered_under_the_key" {
  assert {
    condition = one([
      for statement in jsondecode(aws_kms_key.this["operations"].policy).Statement : {
        effect = statement.Effect, action = statement.Action, condition = statement.Condition
      } if try(statement.Principal.Service, "") == "delivery.logs.amazonaws.com"
      ]) == {
      effect    = "Allow"
      action    = ["kms:Decrypt"]
      condition = { StringEquals = { "kms:EncryptionContext:SourceArn" = "arn:aws:logs:eu-west-2:123456789012:*" } }
    }
    error_message = "Log deliveries of this account open the key, and those of no other."
  }

  assert {
    condition = !anytrue([
      for statement in jsondecode(aws_kms_key.this["curated"].policy).Statement :
      strcontains(jsonencode(statement.Principal), "logs.")
    ])
    error_message = "No log is under the key of a zone."
  }
}

run "without_keys_it_has_no_right_on_any" {
  variables {
    keys = "aws"
  }

  assert {
    condition     = !strcontains(module.state_machine[0].policy, "kms:")
    error_message = "There is no key."
  }
}

run "small_watching_is_told_as_well" {
  variables {
    watching = "small"
  }

  assert {
    condition     = length(setsubtract(keys(module.state_machine[0].alarm_metrics), output.alarms)) == 0
    error_message = "A day over many functions that does not end is told with small watching too."
  }
}
