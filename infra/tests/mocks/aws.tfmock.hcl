# Answers of AWS to the provider, in forms that the provider's own checks accept.

mock_data "aws_caller_identity" {
  defaults = { account_id = "123456789012" }
}

mock_data "aws_partition" {
  defaults = { partition = "aws" }
}

mock_data "aws_region" {
  defaults = { name = "eu-west-2" }
}

mock_data "aws_availability_zones" {
  defaults = { names = ["eu-west-2a", "eu-west-2b", "eu-west-2c"] }
}

mock_resource "aws_kms_key" {
  defaults = { arn = "arn:aws:kms:eu-west-2:123456789012:key/11111111-2222-3333-4444-555555555555" }
}

mock_resource "aws_iam_role" {
  defaults = { arn = "arn:aws:iam::123456789012:role/mocked" }
}

mock_resource "aws_iam_policy" {
  defaults = { arn = "arn:aws:iam::123456789012:policy/mocked" }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn        = "arn:aws:lambda:eu-west-2:123456789012:function:mocked"
    invoke_arn = "arn:aws:apigateway:eu-west-2:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-west-2:123456789012:function:mocked/invocations"
  }
}

mock_resource "aws_lambda_function_url" {
  defaults = { function_url = "https://mocked.lambda-url.eu-west-2.on.aws/" }
}

mock_resource "aws_sns_topic" {
  defaults = { arn = "arn:aws:sns:eu-west-2:123456789012:mocked" }
}

mock_resource "aws_sqs_queue" {
  defaults = { arn = "arn:aws:sqs:eu-west-2:123456789012:mocked", id = "https://sqs.eu-west-2.amazonaws.com/123456789012/mocked" }
}

mock_resource "aws_s3_bucket" {
  defaults = { arn = "arn:aws:s3:::mocked", bucket_regional_domain_name = "mocked.s3.eu-west-2.amazonaws.com" }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = { arn = "arn:aws:logs:eu-west-2:123456789012:log-group:mocked" }
}

mock_resource "aws_apigatewayv2_api" {
  defaults = { execution_arn = "arn:aws:execute-api:eu-west-2:123456789012:mocked" }
}

mock_resource "aws_sfn_state_machine" {
  defaults = { arn = "arn:aws:states:eu-west-2:123456789012:stateMachine:mocked" }
}

mock_resource "aws_msk_serverless_cluster" {
  defaults = {
    arn                        = "arn:aws:kafka:eu-west-2:123456789012:cluster/polelake/11111111-2222-3333-4444-555555555555-s1"
    bootstrap_brokers_sasl_iam = "boot.example:9098"
  }
}

mock_resource "aws_msk_cluster" {
  defaults = {
    arn                        = "arn:aws:kafka:eu-west-2:123456789012:cluster/polelake/11111111-2222-3333-4444-555555555555-2"
    bootstrap_brokers_sasl_iam = "b-1.example:9098,b-2.example:9098"
  }
}

mock_resource "aws_msk_configuration" {
  defaults = { arn = "arn:aws:kafka:eu-west-2:123456789012:configuration/polelake/11111111-2222-3333-4444-555555555555-2" }
}

mock_resource "aws_cloudfront_distribution" {
  defaults = { arn = "arn:aws:cloudfront::123456789012:distribution/MOCKED", domain_name = "mocked.cloudfront.net" }
}

mock_resource "aws_lakeformation_resource" {
  defaults = { arn = "arn:aws:s3:::mocked/curated" }
}

# An account with an administrator of its own, and the defaults with which AWS makes one.
mock_data "aws_lakeformation_data_lake_settings" {
  defaults = {
    admins                              = ["arn:aws:iam::123456789012:role/data-office"]
    read_only_admins                    = ["arn:aws:iam::123456789012:role/auditors"]
    create_database_default_permissions = [{ permissions = ["ALL"], principal = "IAM_ALLOWED_PRINCIPALS" }]
    create_table_default_permissions    = [{ permissions = ["ALL"], principal = "IAM_ALLOWED_PRINCIPALS" }]
    parameters                          = { CROSS_ACCOUNT_VERSION = "3" }
  }
}
