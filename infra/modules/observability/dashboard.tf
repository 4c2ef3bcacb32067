# The dashboard searches metrics by name, so that it shows a new source or table without a change.

locals {
  rows = [
    {
      title = "Events accepted and refused, by source"
      found = ["{polelake,stack,function,source} stack=\"${var.name}\" (events_accepted OR events_refused)"]
      every = 300
    },
    {
      title = "Records and messages landed, repeated, failed, offset gaps, by topic"
      found = ["{polelake,stack,function,topic} stack=\"${var.name}\" (records_landed OR records_repeated OR messages_landed OR messages_repeated OR append_conflicts OR landing_failed OR offset_gaps)"]
      every = 300
    },
    {
      title = "Records refined, ignored, quarantined, by source"
      found = ["{polelake,stack,function,source} stack=\"${var.name}\" (records_refined OR records_ignored OR records_quarantined)"]
      every = 300
    },
    {
      title = "Undeclared fields, unlisted and unreadable values, members of one name, by source"
      found = ["{polelake,stack,function,source} stack=\"${var.name}\" (fields_undeclared OR values_unlisted OR values_unreadable OR members_duplicate)"]
      every = 3600
    },
    {
      title = "Rows of each table, inserted and deleted"
      found = ["{polelake,stack,function,table} stack=\"${var.name}\" (rows OR rows_inserted OR rows_deleted)"]
      every = 86400
    },
    {
      title = "Verdicts, reconciliation, raw objects without a receipt"
      found = ["{polelake,stack,function} stack=\"${var.name}\" (rules_passed OR rules_warned OR rules_failed OR unusual_metrics OR reconciliation_open OR raw_objects_behind OR derived_steps_failed)"]
      every = 86400
    },
    {
      title = "Verdicts in the namespace Glue Data Quality"
      found = [for verdict in ["passed", "failed"] :
      "Namespace=\"Glue Data Quality\" MetricName=\"glue.data.quality.rules.${verdict}\" EvaluationContext=${var.name}"]
      every = 86400
    },
    {
      title = "Duration of the functions"
      found = [for function in var.functions : "{AWS/Lambda,FunctionName} MetricName=\"Duration\" FunctionName=\"${function}\""]
      every = 300
    },
    {
      title = "Errors and throttles"
      found = [for function in var.functions :
      "{AWS/Lambda,FunctionName} (Errors OR Throttles) FunctionName=\"${function}\""]
      every = 300
    },
    {
      title = "Offset lag, queues and dead letters"
      found = [
        "{AWS/Lambda,FunctionName} OffsetLag",
        "{AWS/SQS,QueueName} (ApproximateNumberOfMessagesVisible OR ApproximateAgeOfOldestMessage) ${var.name}",
      ]
      every = 300
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  count = local.full ? 1 : 0

  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [for place, row in local.rows : {
      type   = "metric"
      x      = 12 * (place % 2)
      y      = 6 * floor(place / 2)
      width  = 12
      height = 6
      properties = {
        title  = row.title
        region = var.region
        view   = "timeSeries"
        metrics = [for number, found in row.found : [{
          expression = "SEARCH('${found}', '${row.every == 86400 || strcontains(found, "Duration") ? "Maximum" : "Sum"}', ${row.every})"
          id         = "e${number}"
        }]]
      }
    }]
  })
}
