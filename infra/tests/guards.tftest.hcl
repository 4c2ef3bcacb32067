# What buckets and the role that erases refuse.

mock_provider "aws" {
  source = "./tests/mocks"

  override_resource {
    target = aws_kms_key.this["raw"]
    values = { arn = "arn:aws:kms:eu-west-2:123456789012:key/raw" }
  }
}

variables {
  packages           = "./tests/packages"
  contracts          = "./tests/contracts"
  erasure_principals = ["arn:aws:iam::123456789012:role/data-protection"]
}

run "objects_are_under_the_zones_key" {
  assert {
    condition = {
      for statement in jsondecode(output.bucket_policies["raw"]).Statement : statement.Sid => statement.Condition
      if contains(["OnlyOwnKey", "OnlyNamedKey"], statement.Sid) && statement.Effect == "Deny" && statement.Action == "s3:PutObject"
      } == {
      OnlyOwnKey = {
        StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "arn:aws:kms:eu-west-2:123456789012:key/raw" }
        Null            = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "false" }
      }
      # Also without a key's name, as `AES256` has none: StringNotEquals holds where the name is not there.
      OnlyNamedKey = {
        StringNotEquals = { "s3:x-amz-server-side-encryption-aws-kms-key-id" = "arn:aws:kms:eu-west-2:123456789012:key/raw" }
        Null            = { "s3:x-amz-server-side-encryption" = "false" }
      }
    }
    error_message = "A PUT with another key, or with AES256, is not refused."
  }

  assert {
    condition = alltrue([for policy in values(output.bucket_policies) :
      anytrue([for statement in jsondecode(policy).Statement : statement.Sid == "OnlyNamedKey" && statement.Effect == "Deny"])
    ])
    error_message = "Every bucket refuses AES256."
  }
}

run "without_keys_objects_are_under_s3s_own" {
  variables {
    keys = "aws"
  }

  assert {
    condition = alltrue([for policy in values(output.bucket_policies) : anytrue([
      for statement in jsondecode(policy).Statement : statement.Sid == "OnlyOwnKey" && try(
        statement.Condition == {
          StringNotEquals = { "s3:x-amz-server-side-encryption" = "AES256" }
          Null            = { "s3:x-amz-server-side-encryption" = "false" }
      }, false)
      ]) && !anytrue([for statement in jsondecode(policy).Statement : statement.Sid == "OnlyNamedKey"])
    ])
    error_message = "Without keys there is none to name."
  }
}

run "who_erases_has_a_second_factor" {
  assert {
    condition = one(jsondecode(aws_iam_role.erasure[0].assume_role_policy).Statement) == {
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { AWS = ["arn:aws:iam::123456789012:role/data-protection"] }
      Condition = { Bool = { "aws:MultiFactorAuthPresent" = "true" } }
    }
    error_message = "A session without a second factor erases."
  }

  assert {
    condition     = aws_iam_role.erasure[0].max_session_duration == 3600
    error_message = "The right to erase lasts for an hour."
  }
}

run "identity_center_asks_at_its_sign_in" {
  variables {
    erasure_second_factor = "identity-center"
    erasure_principals    = ["arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-2/AWSReservedSSO_Erasure_0123456789abcdef"]
  }

  assert {
    condition     = !strcontains(aws_iam_role.erasure[0].assume_role_policy, "MultiFactorAuthPresent")
    error_message = "A session of Identity Center never has what the condition asks for."
  }
}

run "principals_outside_identity_center_are_refused" {
  command = plan

  variables {
    erasure_second_factor = "identity-center"
  }

  expect_failures = [var.erasure_second_factor]
}

run "a_factor_that_is_none" {
  command = plan

  variables {
    erasure_second_factor = "none"
  }

  expect_failures = [var.erasure_second_factor]
}
