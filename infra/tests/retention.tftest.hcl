# What expires by age: nothing that is old and still valid.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  packages  = "./tests/packages"
  contracts = "./tests/contracts"
}

run "nothing_expires_without_a_setting" {
  assert {
    condition     = module.raw_bucket.expire == { "raw/_queue/" = 30 } && module.refined_bucket.expire == {}
    error_message = "Raw objects, refined rows and refused records are kept for ever."
  }
}

run "data_expires_and_what_accounts_for_it_stays" {
  variables {
    raw_retention_days        = 800
    refined_retention_days    = 400
    quarantine_retention_days = 180
  }

  assert {
    condition = module.raw_bucket.expire == {
      "raw/_queue/" = 30, "raw/housing-person/" = 800, "raw/parking-permit/" = 800
    }
    error_message = "Raw objects expire by topic, the ends of raw logs never: ${jsonencode(module.raw_bucket.expire)}"
  }

  assert {
    condition = module.refined_bucket.expire == {
      "refined/object/" = 400, "refined/person/" = 400, "refined/_records/" = 400, "quarantine/" = 180
    }
    error_message = "Refined rows expire by table, with refused records: ${jsonencode(module.refined_bucket.expire)}"
  }

  assert {
    condition = alltrue([
      for key in [
        "raw/_log/housing-person/epoch=1/partition=0.json", "raw/_log/_lanes/partition=-2.json",
        "refined/_receipts/housing-person/epoch=1/partition=0/0.json", "refined/_erasures.json", "refined/_identity.json",
        "refined/_losses/housing-person/epoch=1/partition=0/0.json", "curated/_manifests/person/2026-03-02.json",
        ] : !anytrue([
          for prefix in flatten([
            keys(module.raw_bucket.expire), keys(module.refined_bucket.expire), keys(module.curated_bucket.expire),
          ]) : startswith(key, prefix)
      ])
    ])
    error_message = "Something expires that says what has landed, what was erased, or what is lost."
  }
}

run "a_day_must_be_buildable_again" {
  command = plan

  variables {
    raw_retention_days        = 200
    refined_retention_days    = 60
    quarantine_retention_days = 7
  }

  expect_failures = [var.refined_retention_days, var.quarantine_retention_days]
}

run "kept_days_need_their_rows" {
  command = plan

  variables {
    keep                   = { daily = 500, monthly = 13, yearly = 7 }
    refined_retention_days = 400
  }

  expect_failures = [var.refined_retention_days]
}

run "raw_objects_do_not_go_before_their_rows" {
  command = plan

  variables {
    raw_retention_days     = 300
    refined_retention_days = 400
  }

  expect_failures = [var.raw_retention_days]
}

run "raw_objects_do_not_go_while_rows_stay" {
  command = plan

  variables {
    raw_retention_days = 300
  }

  expect_failures = [var.raw_retention_days]
}

run "an_archive_is_paid_for_90_days" {
  command = plan

  variables {
    refined_retention_days = 120
    refined_archive_days   = 90
  }

  expect_failures = [var.refined_retention_days]
}
