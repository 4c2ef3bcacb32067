output "endpoint" {
  description = "Address of the HTTP API, or of the function URL in its place."
  value       = module.polelake.endpoint
}

output "site" {
  description = "Address of the catalogue's pages."
  value       = module.polelake.site
}

output "caller_policies" {
  description = "Source to the policy that a role of this account needs to push to it with signed requests."
  value       = module.polelake.caller_policies
}

output "buckets" {
  description = "Zone to bucket."
  value       = module.polelake.buckets
}

output "functions" {
  description = "Function to its deployed name."
  value       = module.polelake.functions
}

output "alarms" {
  description = "Names of all alarms."
  value       = module.polelake.alarms
}

output "grants" {
  description = "What the contracts grant."
  value       = module.polelake.grants
}

output "erasure_role_arn" {
  description = "Role that erases."
  value       = module.polelake.erasure_role_arn
}

output "topics" {
  description = "Topics of Kafka that the contracts name; each must exist, with LogAppendTime."
  value       = module.polelake.topics
}

output "transports" {
  description = "Source to its transport: `queue` or `kafka`."
  value       = module.polelake.transports
}

output "smoke_role_arn" {
  description = "Role of the smoke test; null where no principal may take it."
  value       = module.polelake.smoke_role_arn
}
