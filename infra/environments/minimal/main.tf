# The smallest useful stack: the events queue, five functions, their schedules. No Kafka and no VPC unless a source asks
# for them, no CloudFront, no fan-out, no grants beyond the administrators of the account.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }

  # State holds settings and names, no records. For more than a trial, store it in a bucket:
  # backend "s3" { bucket = "…", key = "polelake/minimal", use_lockfile = true }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = {
      Project     = "polelake"
      Environment = var.name
    }
  }
}

module "polelake" {
  source = "../.."

  name         = var.name
  packages     = var.packages
  architecture = var.architecture
  contracts    = var.contracts

  transport         = var.transport
  draining          = var.draining
  msk               = var.msk
  kafka_cluster_arn = var.kafka_cluster_arn
  kafka_bootstrap   = var.kafka_bootstrap
  kafka_auth        = var.kafka_auth
  kafka_pollers     = var.kafka_pollers
  kafka_mappings    = var.kafka_mappings
  network           = var.network
  vpc_zones         = 2

  athena         = var.athena
  alert_emails   = var.alert_emails
  monthly_budget = var.monthly_budget
  emulated       = var.emulated
  # A trial keeps logs for a month, and a destroy deletes its data.
  log_retention_days = 30
  force_destroy      = true
}
