# Everything: Kafka with brokers of a fixed size, queues of teams that publish to SNS, bearer tokens, fan-out, a site, grants by
# column, erasure, alarms for the operator on duty, a budget.

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
    tags = {
      Project     = "polelake"
      Environment = var.name
      CostCentre  = var.cost_centre
    }
  }
}

module "polelake" {
  source = "../.."

  name      = var.name
  packages  = var.packages
  contracts = var.contracts

  transport       = "kafka"
  draining        = var.draining
  msk             = "provisioned"
  vpc_zones       = 3
  network         = var.network
  consumer_groups = var.consumer_groups

  processing_network = var.processing_network

  queue_landing  = var.queue_landing
  landing_window = 120

  watching           = var.watching
  keys               = var.keys
  former_keys        = var.former_keys
  log_retention_days = var.log_retention_days

  http            = var.http
  http_authoriser = var.http_authoriser
  jwt_issuer      = var.jwt_issuer
  jwt_audience    = var.jwt_audience
  queue_sources   = var.queue_sources

  fan_out          = true
  merge_memory     = 3538
  merge_storage    = 2048
  raw_archive_days = 90

  access                = var.access
  principals            = var.principals
  lake_formation_admins = var.lake_formation_admins

  lake_formation_databases   = var.lake_formation_databases
  lake_formation_read_admins = var.lake_formation_read_admins

  erasure_principals = var.erasure_principals

  smoke_subject    = var.smoke_subject
  smoke_principals = var.smoke_principals

  cloudfront           = true
  site_domain          = var.site_domain
  site_certificate_arn = var.site_certificate_arn
  site_web_acl_arn     = var.site_web_acl_arn

  alert_emails    = var.alert_emails
  freshness_hours = var.freshness_hours
  # Alarms of tables are part of full watching.
  watched_tables = var.watching == "full" ? ["person", "location"] : []
  monthly_budget = var.monthly_budget
}
