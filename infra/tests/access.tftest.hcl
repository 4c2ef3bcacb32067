# Who reads what: grants of the contracts, by IAM and by Lake Formation.

mock_provider "aws" {
  source = "./tests/mocks"

  override_resource {
    target = module.snapshot_merge.aws_iam_role.this
    values = { arn = "arn:aws:iam::123456789012:role/polelake-snapshot-merge" }
  }
  override_resource {
    target = aws_iam_role.erasure[0]
    values = { arn = "arn:aws:iam::123456789012:role/polelake-erasure" }
  }
}

variables {
  packages  = "./tests/packages"
  contracts = "./tests/two-databases"
  access    = "lake_formation"
  principals = {
    housing-analyst = ["arn:aws:iam::123456789012:role/housing-analysts"]
    safeguarding    = ["arn:aws:iam::123456789012:role/safeguarding"]
  }
  lake_formation_databases   = ["polelake_curated_pole"]
  lake_formation_admins      = ["arn:aws:iam::123456789012:role/polelake-apply"]
  lake_formation_read_admins = ["arn:aws:iam::123456789012:role/polelake-plan"]
  erasure_principals         = ["arn:aws:iam::123456789012:role/data-protection"]
}

run "lake_formation_governs_the_databases_that_are_named_to_it" {
  assert {
    condition     = output.lake_formation_databases == tolist(["polelake_curated_pole"])
    error_message = "Another database is governed: ${join(", ", output.lake_formation_databases)}"
  }

  # Terraform writes the account's settings as a whole: who is left out is removed.
  assert {
    condition = (
      module.catalogue.lake_formation_settings.admins == toset([
        "arn:aws:iam::123456789012:role/data-office", "arn:aws:iam::123456789012:role/polelake-apply",
      ]) &&
      module.catalogue.lake_formation_settings.read_only_admins == toset([
        "arn:aws:iam::123456789012:role/auditors", "arn:aws:iam::123456789012:role/polelake-plan",
      ])
    )
    error_message = "Administrators of the account are replaced, or ours are not added."
  }

  assert {
    condition = alltrue([
      for defaults in [
        module.catalogue.lake_formation_settings.database_defaults, module.catalogue.lake_formation_settings.table_defaults
      ] : [for default in defaults : default.principal] == ["IAM_ALLOWED_PRINCIPALS"]
    ])
    error_message = "Databases of other teams would be governed too."
  }

  assert {
    condition = module.catalogue.table_defaults == {
      polelake_curated_pole = {
        "arn:aws:iam::123456789012:role/polelake-snapshot-merge" = toset(["ALTER", "INSERT"])
      }
    }
    error_message = "Everyone whom IAM allows reads a new table."
  }

  assert {
    condition = {
      for key, rights in module.catalogue.writers :
      key => { database = sort(rights.database), tables = sort(rights.tables) }
      } == {
      "merge polelake_curated_pole" = {
        database = tolist(["CREATE_TABLE", "DESCRIBE"]), tables = tolist(["ALTER", "DESCRIBE", "INSERT"])
      }
      "erasure polelake_curated_pole" = {
        database = tolist(["CREATE_TABLE", "DESCRIBE"]), tables = tolist(["ALTER", "DESCRIBE", "INSERT"])
      }
    }
    error_message = "The merge or the erasure cannot publish: ${jsonencode(module.catalogue.writers)}"
  }

  assert {
    condition = jsonencode({
      for key, withheld in output.columns : key => sort(withheld) if !can(regex("_(history|iceberg) ", key))
      }) == jsonencode({
      "polelake_curated_pole.link safeguarding arn:aws:iam::123456789012:role/safeguarding"          = []
      "polelake_curated_pole.object housing-analyst arn:aws:iam::123456789012:role/housing-analysts" = ["owner_id"]
      "polelake_curated_pole.person housing-analyst arn:aws:iam::123456789012:role/housing-analysts" = ["date_of_birth", "surname"]
      "polelake_curated_pole.person safeguarding arn:aws:iam::123456789012:role/safeguarding"        = []
    })
    error_message = "Columns are withheld, and ids of other rows with them: ${jsonencode(output.columns)}"
  }

  assert {
    condition = alltrue(flatten([for key, withheld in output.columns : [
      for face in ["_history", "_iceberg"] :
      sort(output.columns[replace(key, "/^(polelake_curated_pole[.][a-z]+) /", "$${1}${face} ")]) == sort(withheld)
    ] if !can(regex("_(history|iceberg) ", key))]))
    error_message = "Another face of a table shows what the table withholds."
  }
}

run "readers_under_lake_formation" {
  # A right on objects, or on the bucket's list, would go past the columns.
  assert {
    condition = {
      for statement in jsondecode(output.readers["housing-analyst"]).Statement :
      statement.Sid => statement.Resource if contains(["Read", "List", "AskLakeFormation"], statement.Sid)
      } == {
      Read             = ["arn:aws:s3:::mocked/curated/street/*"]
      List             = ["arn:aws:s3:::mocked"]
      AskLakeFormation = ["*"]
    }
    error_message = "A role reads objects of a governed table by itself: ${output.readers["housing-analyst"]}"
  }

  assert {
    condition = one([
      for statement in jsondecode(output.readers["housing-analyst"]).Statement : statement.Condition.StringLike["s3:prefix"]
      if statement.Sid == "List"
    ]) == ["curated/street/*"]
    error_message = "A role lists objects of a governed table."
  }

  assert {
    condition = alltrue([for role, policy in output.readers : alltrue([
      for sid in ["Find", "Ask", "KeepResults", "FindResults", "Open"] :
      anytrue([for statement in jsondecode(policy).Statement : statement.Sid == sid])
    ])])
    error_message = "A reader has columns, and no catalogue, Athena, results or key."
  }

  assert {
    condition = (
      !anytrue([for statement in jsondecode(output.readers["safeguarding"]).Statement : statement.Sid == "Read"]) &&
      strcontains(output.readers["safeguarding"], "polelake_curated_pole/person_history") &&
      !strcontains(output.readers["housing-analyst"], "/link")
    )
    error_message = "A role that is granted everything still reads by Lake Formation, and links are for those with personal columns."
  }
}

run "iam_withholds_whole_tables" {
  variables {
    access = "iam"
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(output.readers["housing-analyst"]).Statement : statement.Resource if statement.Sid == "Read"
    ])) == toset(["arn:aws:s3:::mocked/curated/street/*"])
    error_message = "A table with ids of other rows, or of links, is read without the right to personal columns."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(output.readers["safeguarding"]).Statement : statement.Resource if statement.Sid == "Read"
    ])) == toset(["arn:aws:s3:::mocked/curated/link/*", "arn:aws:s3:::mocked/curated/person/*"])
    error_message = "Who may read personal columns reads people and links."
  }

  assert {
    condition = alltrue([for policy in values(output.readers) : !strcontains(policy, "lakeformation:")]) && (
      module.catalogue.lake_formation_settings == null && length(output.columns) == 0
    )
    error_message = "IAM alone writes nothing of Lake Formation."
  }
}

run "the_accounts_settings_stay_where_no_administrator_is_added" {
  variables {
    lake_formation_admins      = []
    lake_formation_read_admins = []
    lake_formation_databases   = null
  }

  assert {
    condition     = module.catalogue.lake_formation_settings == null
    error_message = "The account's settings are written, and a destroy would clear them."
  }

  assert {
    condition     = output.lake_formation_databases == tolist(["polelake_curated_parking", "polelake_curated_pole"])
    error_message = "Without a choice every database with grants is governed: ${join(", ", output.lake_formation_databases)}"
  }
}

run "a_governed_database_is_one_of_the_stack" {
  command = plan

  variables {
    lake_formation_databases = ["finance"]
  }

  expect_failures = [check.lake_formation]
}
