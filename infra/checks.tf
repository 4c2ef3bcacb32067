# Conditions for correctness that span resources. Settings of one resource have preconditions beside it.

check "contracts" {
  assert {
    condition     = length(local.sources) > 0 && length(local.tables) > 0
    error_message = "No contracts are found in ${var.contracts}."
  }

  assert {
    condition     = length(local.topics) == length(local.sources)
    error_message = "Two sources share a topic."
  }

  assert {
    condition     = alltrue([for transport in values(local.transports) : contains(["kafka", "queue"], transport)])
    error_message = "A contract names a transport that is neither `kafka` nor `queue`."
  }
}

check "names" {
  assert {
    # `polelake-raw-123456789012-ap-southeast-2` and longer names of the same form fit into S3's 63 characters.
    condition     = alltrue([for name in values(local.buckets) : length(name) <= 63])
    error_message = "${var.name} is too long: names of buckets have 63 characters at most."
  }
}

check "roles" {
  assert {
    condition = var.access == "none" || alltrue([
      for grant in local.grants : length(lookup(var.principals, grant.role, [])) > 0
    ])
    error_message = "Contracts grant to roles that `principals` does not name: ${join(", ", distinct([
      for grant in local.grants : grant.role if length(lookup(var.principals, grant.role, [])) == 0
    ]))}."
  }
}

check "queues" {
  assert {
    condition     = alltrue([for source in keys(var.queue_sources) : contains(keys(local.sources), source)])
    error_message = "`queue_sources` names a source that has no contract."
  }

  assert {
    condition     = alltrue([for source in var.draining : contains(keys(local.sources), source)])
    error_message = "`draining` names a source that has no contract."
  }
}

check "fetching" {
  assert {
    # The VPC that this Terraform creates has no route to the internet. Outside of any VPC the relay reaches the
    # internet, and no private network.
    condition = var.network != null || alltrue([
      for extension in values(local.extensions) : try(extension.fetch.url, null) == null || (
        !local.uses_kafka && !try(extension.fetch.private_network, false)
      )
    ])
    error_message = "Contracts fetch states from APIs: set `network` to a VPC with a route to them."
  }

  assert {
    condition = alltrue([
      for id, extension in local.extensions :
      contains(keys(var.fetch_origins), id) || startswith(try(extension.fetch.url, "https://"), "https://")
    ])
    error_message = "A contract fetches states from one machine: write the https address of the API."
  }

  assert {
    condition     = length(local.secrets) == length(local.declared_secrets)
    error_message = "A contract names a secret that is not its source's: name it `polelake/<source>/<name>`."
  }
}

check "lake_formation" {
  assert {
    condition     = alltrue([for database in coalesce(var.lake_formation_databases, []) : contains(keys(local.catalogue), database)])
    error_message = "`lake_formation_databases` names a database that is not the stack's."
  }
}
