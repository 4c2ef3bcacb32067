# The HTTP API of a function. Every route has an authoriser.

locals {
  authorised = var.authoriser == "iam" ? "AWS_IAM" : "JWT"
}

resource "aws_apigatewayv2_api" "this" {
  name                         = var.name
  description                  = "Events in, contracts out."
  protocol_type                = "HTTP"
  disable_execute_api_endpoint = var.disable_default_endpoint
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  count            = var.authoriser == "jwt" ? 1 : 0
  api_id           = aws_apigatewayv2_api.this.id
  name             = "${var.name}-jwt"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.jwt_issuer
    audience = var.jwt_audience
  }
}

resource "aws_apigatewayv2_integration" "this" {
  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = var.invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 30000

  lifecycle {
    precondition {
      # Otherwise the caller would get 504 while the function still produces.
      condition     = var.function_timeout <= 30
      error_message = "API Gateway waits for 30 s: the function must end earlier."
    }
  }
}

resource "aws_apigatewayv2_route" "this" {
  for_each = var.routes

  api_id             = aws_apigatewayv2_api.this.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.this.id}"
  authorization_type = local.authorised
  authorizer_id      = one(aws_apigatewayv2_authorizer.jwt[*].id)
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    detailed_metrics_enabled = var.watching == "full"
    throttling_burst_limit   = var.burst
    throttling_rate_limit    = var.rate
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.this.arn
    # Caller, route, duration and status; no part of the body.
    format = jsonencode({
      requestId = "$context.requestId"
      time      = "$context.requestTime"
      method    = "$context.httpMethod"
      path      = "$context.path"
      status    = "$context.status"
      caller    = "$context.identity.userArn"
      issuer    = "$context.authorizer.claims.iss"
      address   = "$context.identity.sourceIp"
      bytes     = "$context.responseLength"
      millis    = "$context.responseLatency"
      error     = "$context.integrationErrorMessage"
      refused   = "$context.authorizer.error"
    })
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_lambda_permission" "this" {
  for_each = var.routes

  statement_id  = "http-${substr(sha256(each.key), 0, 8)}"
  action        = "lambda:InvokeFunction"
  function_name = var.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/$default/${replace(each.key, " ", "")}"
}

resource "aws_cloudwatch_metric_alarm" "failing" {
  count = var.watching == "full" ? 1 : 0

  alarm_name          = "${var.name}-5xx"
  alarm_description   = "Callers get 5xx: the events queue, Kafka, or an API from which the relay fetches states, does not answer."
  namespace           = "AWS/ApiGateway"
  metric_name         = "5xx"
  dimensions          = { ApiId = aws_apigatewayv2_api.this.id }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 2
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alert_topic_arn]
  ok_actions          = [var.alert_topic_arn]
}
