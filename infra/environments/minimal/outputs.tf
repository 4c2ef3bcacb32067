output "endpoint" {
  description = "Address of the HTTP API, or of the function URL in its place."
  value       = module.polelake.endpoint
}

output "caller_policies" {
  description = "Source to the policy that a role of this account needs to push to it with signed requests."
  value       = module.polelake.caller_policies
}

output "buckets" {
  description = "Zone to bucket."
  value       = module.polelake.buckets
}

output "bucket_policies" {
  description = "Zone to the bucket's policy."
  value       = module.polelake.bucket_policies
}

output "databases" {
  description = "Databases of the catalogue."
  value       = module.polelake.databases
}

output "functions" {
  description = "Function to its deployed name."
  value       = module.polelake.functions
}

output "function_environments" {
  description = "Function to its settings, as deployed."
  value       = module.polelake.function_environments
}

output "function_policies" {
  description = "Function to the policy of its role."
  value       = module.polelake.function_policies
}

output "function_memories" {
  description = "Function to its MB of memory."
  value       = module.polelake.function_memories
}

output "schedules" {
  description = "Schedule to its payload."
  value       = module.polelake.schedules
}

output "alarms" {
  description = "Names of all alarms."
  value       = module.polelake.alarms
}

output "topics" {
  description = "Topics of Kafka that the contracts name; each must exist, with LogAppendTime."
  value       = module.polelake.topics
}

output "transports" {
  description = "Source to its transport: `queue` or `kafka`."
  value       = module.polelake.transports
}

output "events_queue_url" {
  description = "URL of the events queue; null where no source uses it."
  value       = module.polelake.events_queue_url
}

output "smoke_role_arn" {
  description = "Role of the smoke test; null where no principal may take it."
  value       = module.polelake.smoke_role_arn
}
