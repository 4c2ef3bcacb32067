# The roles of the pipeline, applied once by an administrator: not by the pipeline, which could give itself more. The smoke
# test's role is the stack's own (`smoke_subject`), because its rights follow the stack.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = "polelake" }
  }
}

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  iam       = "arn:${local.partition}:iam::${local.account}"
  managed   = "arn:${local.partition}:iam::aws:policy"
  github    = "token.actions.githubusercontent.com"
  provider  = "${local.iam}:oidc-provider/${local.github}"
  state     = "arn:${local.partition}:s3:::${var.state_bucket}"

  # Each role has another subject, so no token takes two of them.
  subjects = {
    plan  = "repo:${var.repository}:ref:refs/heads/main"
    apply = "repo:${var.repository}:environment:production"
  }

  trust = { for role, subject in local.subjects : role => jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = local.provider }
      Condition = {
        StringEquals = { "${local.github}:aud" = "sts.amazonaws.com", "${local.github}:sub" = subject }
      }
    }]
  }) }
}

resource "aws_iam_openid_connect_provider" "github" {
  count          = var.create_oidc_provider ? 1 : 0
  url            = "https://${local.github}"
  client_id_list = ["sts.amazonaws.com"]
}

# Plan: reads settings, and no record ---------------------------------------------------------------------

resource "aws_iam_role" "plan" {
  name                 = "${var.name}-plan"
  max_session_duration = 3600
  assume_role_policy   = local.trust.plan
}

resource "aws_iam_role_policy_attachment" "plan" {
  role       = aws_iam_role.plan.name
  policy_arn = "${local.managed}/ReadOnlyAccess"
}

resource "aws_iam_role_policy" "plan" {
  name = "${var.name}-plan"
  role = aws_iam_role.plan.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [
        {
          # Without it Lambda answers without a function's settings, and every plan would add them again. The alias is
          # that of operations, or of the one key; which services may be between says what it may open.
          Sid      = "OpenSettings"
          Effect   = "Allow"
          Action   = ["kms:Decrypt"]
          Resource = ["arn:${local.partition}:kms:${var.region}:${local.account}:key/*"]
          Condition = {
            "ForAnyValue:StringEquals" = {
              "kms:ResourceAliases" = ["alias/${var.name}-operations", "alias/${var.name}-lake"]
            }
            StringEquals = {
              "kms:ViaService" = ["lambda.${var.region}.amazonaws.com", "secretsmanager.${var.region}.amazonaws.com"]
            }
          }
        },
        {
          # The provider reads a secret's version to see that it is there, and reads its text with it (5.100).
          Sid      = "SeeIdentityKey"
          Effect   = "Allow"
          Action   = ["secretsmanager:GetSecretValue"]
          Resource = ["arn:${local.partition}:secretsmanager:${var.region}:${local.account}:secret:${var.name}/identity-key-??????"]
        },
        {
          Sid      = "ReadState"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:ListBucket"]
          Resource = [local.state, "${local.state}/*"]
        },
        {
          # ReadOnlyAccess reads every bucket of the account.
          Sid         = "NoObjects"
          Effect      = "Deny"
          Action      = ["s3:GetObject", "s3:GetObjectVersion"]
          NotResource = ["${local.state}/*"]
        },
        {
          # Other places where records are: queues, results of queries, tables.
          Sid    = "NoRecords"
          Effect = "Deny"
          Action = [
            "athena:GetQueryResults",
            "athena:GetQueryResultsStream",
            "kafka-cluster:ReadData",
            "lakeformation:GetDataAccess",
            "sqs:ReceiveMessage",
          ]
          Resource = ["*"]
        },
      ],
      [for key in compact([var.state_key_arn]) : {
        Sid       = "OpenState"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [key]
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
      }],
    )
  })
}

# Apply: everything but itself --------------------------------------------------------------------------

resource "aws_iam_role" "apply" {
  name                 = "${var.name}-apply"
  max_session_duration = 7200
  assume_role_policy   = local.trust.apply
}

resource "aws_iam_role_policy_attachment" "apply" {
  role       = aws_iam_role.apply.name
  policy_arn = "${local.managed}/PowerUserAccess"
}

# What PowerUserAccess lacks: the stack's own roles and policies, by their prefix.
resource "aws_iam_role_policy" "apply" {
  name = "${var.name}-apply"
  role = aws_iam_role.apply.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "KeepRoles"
        Effect = "Allow"
        Action = [
          "iam:CreateRole",
          "iam:DeleteRole",
          "iam:DeleteRolePolicy",
          "iam:GetRole",
          "iam:GetRolePolicy",
          "iam:ListAttachedRolePolicies",
          "iam:ListInstanceProfilesForRole",
          "iam:ListRolePolicies",
          "iam:PutRolePolicy",
          "iam:TagRole",
          "iam:UntagRole",
          "iam:UpdateAssumeRolePolicy",
          "iam:UpdateRole",
        ]
        Resource = ["${local.iam}:role/${var.name}-*"]
      },
      {
        Sid    = "KeepPolicies"
        Effect = "Allow"
        Action = [
          "iam:CreatePolicy",
          "iam:CreatePolicyVersion",
          "iam:DeletePolicy",
          "iam:DeletePolicyVersion",
          "iam:GetPolicy",
          "iam:GetPolicyVersion",
          "iam:ListPolicyVersions",
          "iam:TagPolicy",
          "iam:UntagPolicy",
        ]
        Resource = ["${local.iam}:policy/${var.name}-*"]
      },
      {
        # Readers' roles get the stack's policies, and no other.
        Sid       = "GrantReaders"
        Effect    = "Allow"
        Action    = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"]
        Resource  = ["${local.iam}:role/*"]
        Condition = { ArnLike = { "iam:PolicyARN" = "${local.iam}:policy/${var.name}-*" } }
      },
      {
        Sid      = "SeeReaders"
        Effect   = "Allow"
        Action   = ["iam:ListAttachedRolePolicies"]
        Resource = ["${local.iam}:role/*"]
      },
      {
        Sid      = "PassRoles"
        Effect   = "Allow"
        Action   = ["iam:PassRole"]
        Resource = ["${local.iam}:role/${var.name}-*"]
        Condition = {
          StringEquals = {
            "iam:PassedToService" = [
              "lakeformation.amazonaws.com",
              "lambda.amazonaws.com",
              "scheduler.amazonaws.com",
              "states.amazonaws.com",
              "vpc-flow-logs.amazonaws.com",
            ]
          }
        }
      },
      {
        # A plan that was approved may not widen who plans and who applies.
        Sid    = "LeavePipeline"
        Effect = "Deny"
        Action = ["iam:*"]
        Resource = [
          "${local.iam}:role/${var.name}-apply",
          "${local.iam}:role/${var.name}-plan",
          local.provider,
        ]
      },
    ]
  })
}
