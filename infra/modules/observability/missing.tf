# Alarms on something missing: what has to happen every day, or as often as a contract promises.

# Alarms on what is missing are quiet on the day of the first apply: nothing has run yet, and everything is missing.
resource "terraform_data" "first_apply" {
  input = plantimestamp()

  lifecycle {
    ignore_changes = [input]
  }
}

locals {
  # On the first day, as a number such as 20260302, there is a value in every hour. From the next day on missing data
  # count, and 26 hours without any ring.
  since_the_first_day = format(
    "IF(YEAR(every_hour)*10000+MONTH(every_hour)*100+DATE(every_hour) <= %s, 1, every_hour)",
    formatdate("YYYYMMDD", terraform_data.first_apply.output),
  )
}

resource "aws_cloudwatch_metric_alarm" "freshness" {
  for_each = { for topic, hours in var.freshness_hours : topic => hours if local.full }

  alarm_name          = "${var.name}-freshness-${each.key}"
  alarm_description   = "No record of the topic ${each.key} has landed for ${each.value} h."
  evaluation_periods  = each.value
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  # The landing sends no count of zero: missing data means that no record landed.
  treat_missing_data = "breaching"
  alarm_actions      = local.tell
  ok_actions         = local.tell

  metric_query {
    id = "found"
    metric {
      namespace   = "polelake"
      metric_name = "records_landed"
      dimensions  = merge(local.landing, { topic = each.key })
      stat        = "SampleCount"
      period      = 3600
    }
  }

  metric_query {
    id         = "every_hour"
    expression = "FILL(found, 0)"
  }

  metric_query {
    id          = "since_the_first_day"
    label       = "records_landed, and 1 before the stack's second day"
    expression  = local.since_the_first_day
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "snapshot_missing" {
  count = local.full ? 1 : 0

  alarm_name          = "${var.name}-snapshot-missing"
  alarm_description   = "No table was merged for 26 h."
  evaluation_periods  = 26
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell

  metric_query {
    id = "found"
    metric {
      namespace   = "polelake"
      metric_name = "tables_merged"
      dimensions  = local.merge
      stat        = "SampleCount"
      period      = 3600
    }
  }

  metric_query {
    id         = "every_hour"
    expression = "FILL(found, 0)"
  }

  metric_query {
    id          = "since_the_first_day"
    label       = "tables_merged, and 1 before the stack's second day"
    expression  = local.since_the_first_day
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "table_missing" {
  for_each = toset([for table in var.watched_tables : table if local.full])

  alarm_name          = "${var.name}-table-missing-${each.key}"
  alarm_description   = "The table ${each.key} has no snapshot for 26 h."
  evaluation_periods  = 26
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell

  metric_query {
    id = "found"
    metric {
      namespace   = "polelake"
      metric_name = "rows"
      dimensions  = merge(local.merge, { table = each.key })
      stat        = "SampleCount"
      period      = 3600
    }
  }

  metric_query {
    id         = "every_hour"
    expression = "FILL(found, 0)"
  }

  metric_query {
    id          = "since_the_first_day"
    label       = "rows, and 1 before the stack's second day"
    expression  = local.since_the_first_day
    return_data = true
  }
}

resource "aws_cloudwatch_metric_alarm" "report_missing" {
  alarm_name          = "${var.name}-report-missing"
  alarm_description   = "No day was reported for 26 h."
  evaluation_periods  = 26
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = local.tell
  ok_actions          = local.tell

  metric_query {
    id = "found"
    metric {
      namespace   = "polelake"
      metric_name = "rules_passed"
      dimensions  = local.report
      stat        = "SampleCount"
      period      = 3600
    }
  }

  metric_query {
    id         = "every_hour"
    expression = "FILL(found, 0)"
  }

  metric_query {
    id          = "since_the_first_day"
    label       = "rules_passed, and 1 before the stack's second day"
    expression  = local.since_the_first_day
    return_data = true
  }
}
