# Roles beside the functions': of the pipeline and of the smoke test; and which key opens what.

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
  contracts     = "./tests/smoke-source"
  smoke_subject = "repo:council/polelake:environment:smoke"
  queue_sources = { parking-permit = { topic_arns = ["arn:aws:sns:eu-west-2:210987654321:permits"] } }
}

run "smoke_reads_what_it_sent_and_no_more" {
  assert {
    condition = jsondecode(output.smoke_policies.trust).Statement == [{
      Sid       = "Workflow"
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = "repo:council/polelake:environment:smoke"
        }
      }
    }]
    error_message = "Another token takes the smoke test's role: ${output.smoke_policies.trust}"
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(output.smoke_policies.rights).Statement : [
        for action in statement.Action : [for resource in statement.Resource : "${action} ${resource}"]
      ]
      ])) == toset([
      "execute-api:Invoke arn:aws:execute-api:eu-west-2:123456789012:mocked/$default/POST/v1/platform-smoke/events",
      "execute-api:Invoke arn:aws:execute-api:eu-west-2:123456789012:mocked/$default/GET/v1/platform-smoke/contract",
      "s3:ListBucket arn:aws:s3:::polelake-raw-123456789012-eu-west-2",
      "s3:GetObject arn:aws:s3:::polelake-raw-123456789012-eu-west-2/raw/smoke-events/*",
      "s3:GetObject arn:aws:s3:::polelake-refined-123456789012-eu-west-2/refined/_receipts/smoke-events/*",
      "s3:ListBucket arn:aws:s3:::polelake-refined-123456789012-eu-west-2",
      "kms:Decrypt arn:aws:kms:eu-west-2:123456789012:key/raw",
      "kms:Decrypt arn:aws:kms:eu-west-2:123456789012:key/refined",
    ])
    error_message = "The smoke test may do more, or less: ${output.smoke_policies.rights}"
  }

  assert {
    condition = alltrue([for statement in jsondecode(output.smoke_policies.rights).Statement : alltrue([
      try(statement.Sid, "") != "Open" || try(statement.Condition.StringEquals["kms:ViaService"], "") == "s3.eu-west-2.amazonaws.com",
      try(statement.Sid, "") != "FindLanded" || try(statement.Condition.StringLike["s3:prefix"], []) == ["raw/smoke-events/*"],
    ])])
    error_message = "Keys are used through S3 alone, and raw objects are listed of one topic: ${output.smoke_policies.rights}"
  }
}

# Who may open the functions' settings, as the pipeline's plan must, opens no event.
run "events_have_a_key_of_their_own" {
  assert {
    condition = alltrue([
      module.events_queue[0].key_arn == "arn:aws:kms:eu-west-2:123456789012:key/events",
      module.relay_queue["parking-permit"].key_arn == "arn:aws:kms:eu-west-2:123456789012:key/events",
      module.transform_queue.key_arn == "arn:aws:kms:eu-west-2:123456789012:key/operations",
      alltrue([for function in [
        module.event_relay, module.raw_landing, module.pole_transform, module.snapshot_merge, module.quality_report
      ] : function.settings_key_arn == "arn:aws:kms:eu-west-2:123456789012:key/operations"]),
    ])
    error_message = "Events and settings are under one key."
  }

  assert {
    condition = {
      for statement in jsondecode(output.function_policies["event-relay"]).Statement :
      statement.Sid => statement.Resource if contains(["SealMessages", "ReadOwnSettings", "OpenMessages"], statement.Sid)
      } == {
      SealMessages    = ["arn:aws:kms:eu-west-2:123456789012:key/events"]
      ReadOwnSettings = ["arn:aws:kms:eu-west-2:123456789012:key/operations"]
      OpenMessages = [
        "arn:aws:kms:eu-west-2:123456789012:key/events", "arn:aws:kms:eu-west-2:123456789012:key/operations",
      ]
    }
    error_message = "The relay sends under the events' key, and reads its settings under the other."
  }

  assert {
    condition = alltrue(flatten([for policy in values(output.function_policies) : [
      for statement in jsondecode(policy).Statement :
      try(statement.Condition.StringEquals["kms:ViaService"], "") == "sqs.eu-west-2.amazonaws.com"
      if contains(statement.Resource, "arn:aws:kms:eu-west-2:123456789012:key/events")
    ]]))
    error_message = "The events' key is used through SQS alone."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_kms_key.this["events"].policy).Statement :
      statement.Sid => try(statement.Condition.StringEquals["aws:SourceAccount"], [])
    } == { Account = [], Topics = ["123456789012", "210987654321"] }
    error_message = "Another account's topics may use another key than that of events: ${aws_kms_key.this["events"].policy}"
  }

  assert {
    condition = (
      !strcontains(aws_kms_key.this["operations"].policy, "sns.amazonaws.com") &&
      !strcontains(aws_kms_key.this["operations"].policy, "210987654321")
    )
    error_message = "Other teams' topics may use the key of settings."
  }
}

run "functions_that_read_records_run_in_the_closed_network" {
  variables {
    processing_network = { subnet_ids = ["subnet-7", "subnet-8"], security_group_ids = ["sg-7"] }
  }

  assert {
    condition = alltrue([for function in [module.pole_transform, module.snapshot_merge, module.quality_report] : alltrue([
      function.subnet_ids == toset(["subnet-7", "subnet-8"]), strcontains(function.policy, "ec2:CreateNetworkInterface"),
    ])])
    error_message = "A function that reads records has open egress."
  }

  assert {
    condition     = length(module.event_relay.subnet_ids) == 0 && length(module.raw_landing.subnet_ids) == 0
    error_message = "The relay fetches states from outside, and landing reads no record."
  }
}

run "a_closed_network_has_groups" {
  command = plan

  variables {
    processing_network = { subnet_ids = ["subnet-7"], security_group_ids = [] }
  }

  expect_failures = [var.processing_network]
}

run "without_principals_there_is_no_role" {
  command = plan

  variables {
    smoke_subject = null
  }

  assert {
    condition     = output.smoke_policies == null && output.smoke_role_arn == null
    error_message = "There is a role for the smoke test."
  }
}

run "smoke_shares_no_environment_with_apply" {
  command = plan

  variables {
    smoke_subject    = "repo:council/polelake:environment:production"
    smoke_principals = ["arn:aws:iam::123456789012:root"]
  }

  expect_failures = [var.smoke_subject, var.smoke_principals]
}

run "a_subject_is_one_environment_of_one_repository" {
  command = plan

  variables {
    smoke_subject = "repo:council/*:environment:smoke"
  }

  expect_failures = [var.smoke_subject]
}

run "smoke_needs_its_source" {
  command = plan

  variables {
    contracts = "./tests/contracts"
  }

  expect_failures = [aws_iam_role.smoke]
}

run "pipeline" {
  module {
    source = "./environments/pipeline"
  }

  variables {
    repository   = "council/polelake"
    state_bucket = "council-state"
  }

  assert {
    condition = { for role, trust in output.trusts : role => [
      for statement in jsondecode(trust).Statement :
      statement.Condition.StringEquals["token.actions.githubusercontent.com:sub"]
      ] } == {
      plan  = ["repo:council/polelake:ref:refs/heads/main"]
      apply = ["repo:council/polelake:environment:production"]
    }
    error_message = "Each role has a subject of its own."
  }

  assert {
    condition = alltrue([for trust in values(output.trusts) : alltrue([
      for statement in jsondecode(trust).Statement : toset(keys(statement.Condition)) == toset(["StringEquals"]) &&
      statement.Condition.StringEquals["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
    ])])
    error_message = "A subject is compared letter by letter, for AWS's audience."
  }

  assert {
    condition = one([
      for statement in jsondecode(output.policies.plan).Statement : {
        on      = statement.Resource
        through = statement.Condition.StringEquals["kms:ViaService"]
        keys    = statement.Condition["ForAnyValue:StringEquals"]["kms:ResourceAliases"]
      } if statement.Effect == "Allow" && contains(statement.Action, "kms:Decrypt")
      ]) == {
      on      = ["arn:aws:kms:eu-west-2:123456789012:key/*"]
      through = ["lambda.eu-west-2.amazonaws.com", "secretsmanager.eu-west-2.amazonaws.com"]
      keys    = ["alias/polelake-operations", "alias/polelake-lake"]
    }
    error_message = "The plan sees functions' settings, and opens nothing through S3 or SQS: ${output.policies.plan}"
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(output.policies.plan).Statement : statement.Effect == "Deny"
      && toset(statement.Action) == toset(["s3:GetObject", "s3:GetObjectVersion"])
      && try(statement.NotResource, []) == ["arn:aws:s3:::council-state/*"]
    ])
    error_message = "The plan reads other objects than the state."
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(output.policies.plan).Statement : statement.Effect == "Deny"
      && alltrue([for action in ["sqs:ReceiveMessage", "athena:GetQueryResults", "lakeformation:GetDataAccess"] :
      contains(statement.Action, action)]) && try(statement.Resource, []) == ["*"]
    ])
    error_message = "ReadOnlyAccess receives messages and reads results of queries."
  }

  assert {
    condition = anytrue([
      for statement in jsondecode(output.policies.apply).Statement : statement.Effect == "Deny"
      && statement.Action == ["iam:*"]
      && toset(statement.Resource) == toset([
        "arn:aws:iam::123456789012:role/polelake-apply",
        "arn:aws:iam::123456789012:role/polelake-plan",
        "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
      ])
    ])
    error_message = "What is applied may change who applies."
  }

  assert {
    condition = alltrue(flatten([
      for statement in jsondecode(output.policies.apply).Statement : [
        for action in statement.Action : alltrue([
          action != "iam:PassRole" || length(try(statement.Condition.StringEquals["iam:PassedToService"], [])) == 5,
          action != "iam:AttachRolePolicy" || try(statement.Condition.ArnLike["iam:PolicyARN"], "") == "arn:aws:iam::123456789012:policy/polelake-*",
        ])
      ] if statement.Effect == "Allow"
    ]))
    error_message = "A role is passed to anybody, or any policy is attached: ${output.policies.apply}"
  }
}

run "a_repository_is_one" {
  command = plan

  module {
    source = "./environments/pipeline"
  }

  variables {
    repository   = "council/*"
    state_bucket = "council-state"
  }

  expect_failures = [var.repository]
}
