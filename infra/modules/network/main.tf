# A VPC without a route to the internet: brokers, the function that produces, and the endpoints that both need.

data "aws_availability_zones" "this" {
  state = "available"
}

locals {
  zones   = slice(data.aws_availability_zones.this.names, 0, var.zones)
  subnets = { for place, zone in local.zones : zone => cidrsubnet(var.cidr, 4, place) }

  # Services that functions call with a body, and what is the account's own there.
  own_resources = {
    for service in ["secretsmanager", "sqs"] :
    service => ["arn:${var.partition}:${service}:${var.region}:${var.account}:*"]
  }
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = { Name = var.name }
}

# The default group has no rules, so that a resource without a group reaches nothing.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_subnet" "private" {
  for_each          = local.subnets
  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = { Name = "${var.name}-${each.key}" }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.this.id
  tags   = { Name = "${var.name}-private" }
}

resource "aws_route_table_association" "private" {
  for_each       = aws_subnet.private
  subnet_id      = each.value.id
  route_table_id = aws_route_table.private.id
}

# S3 for the pollers' failure destination: without it records that Lambda gives up would be lost without an error.
resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private.id]

  # The way to S3 is the only way out of this VPC. Without a policy it leads to every bucket of the world, with any
  # credentials: who takes over a function could bring his own.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OwnBuckets"
      Effect    = "Allow"
      Principal = "*"
      Action    = ["s3:AbortMultipartUpload", "s3:ListBucket", "s3:PutObject"]
      Resource  = flatten([for bucket in var.bucket_arns : [bucket, "${bucket}/*"]])
      Condition = { StringEquals = { "aws:PrincipalAccount" = var.account, "aws:ResourceAccount" = var.account } }
    }]
  })
}

# lambda and sts: Lambda's pollers enter through interfaces in these subnets and assume the function's role there. sqs:
# a relay within the VPC sends to the events queue.
resource "aws_vpc_endpoint" "interface" {
  for_each            = var.interface_endpoints
  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.endpoints.id]

  # Lambda itself comes through `lambda` and `sts`, which have AWS's policy.
  policy = contains(keys(local.own_resources), each.key) ? jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OwnAccount"
      Effect    = "Allow"
      Principal = "*"
      Action    = "${each.key}:*"
      Resource  = local.own_resources[each.key]
      Condition = { StringEquals = { "aws:PrincipalAccount" = var.account } }
    }]
  }) : null
}

resource "aws_security_group" "clients" {
  name        = "${var.name}-clients"
  description = "Functions that produce to Kafka"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "brokers" {
  name        = "${var.name}-brokers"
  description = "Brokers, and the pollers that enter through their subnets"
  vpc_id      = aws_vpc.this.id
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "Interface endpoints"
  vpc_id      = aws_vpc.this.id
}

locals {
  # From, to, port: TLS to the endpoints, SASL with IAM (9098) to the brokers.
  flows = {
    clients-brokers   = { from = aws_security_group.clients.id, to = aws_security_group.brokers.id, port = 9098 }
    pollers-brokers   = { from = aws_security_group.brokers.id, to = aws_security_group.brokers.id, port = 9098 }
    clients-endpoints = { from = aws_security_group.clients.id, to = aws_security_group.endpoints.id, port = 443 }
    pollers-endpoints = { from = aws_security_group.brokers.id, to = aws_security_group.endpoints.id, port = 443 }
  }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each                     = local.flows
  security_group_id            = each.value.to
  referenced_security_group_id = each.value.from
  description                  = var.emulated ? null : each.key
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each                     = local.flows
  security_group_id            = each.value.from
  referenced_security_group_id = each.value.to
  description                  = var.emulated ? null : each.key
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

# S3 through its gateway: for pollers, and where events go to a queue for the function that stores large batches.
resource "aws_vpc_security_group_egress_rule" "s3" {
  for_each = merge(
    { pollers-s3 = aws_security_group.brokers.id },
    contains(var.interface_endpoints, "sqs") ? { clients-s3 = aws_security_group.clients.id } : {},
  )

  security_group_id = each.value
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  description       = var.emulated ? null : each.key
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_flow_log" "this" {
  vpc_id                   = aws_vpc.this.id
  traffic_type             = "REJECT"
  log_destination          = aws_cloudwatch_log_group.flows.arn
  iam_role_arn             = aws_iam_role.flows.arn
  max_aggregation_interval = 600
}

resource "aws_cloudwatch_log_group" "flows" {
  name              = "/aws/vpc/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_iam_role" "flows" {
  name = "${var.name}-flows"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "vpc-flow-logs.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = var.account } }
    }]
  })
}

resource "aws_iam_role_policy" "flows" {
  name = "${var.name}-flows"
  role = aws_iam_role.flows.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid      = "Log"
      Effect   = "Allow"
      Action   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
      Resource = ["${aws_cloudwatch_log_group.flows.arn}:*"]
    }]
  })
}
