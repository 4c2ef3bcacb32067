# The catalogue's pages behind CloudFront. Without CloudFront, readers need access to the bucket.

locals {
  # The address of the pages; empty without CloudFront.
  site_url = join("", [
    for site in aws_cloudfront_distribution.site : "https://${coalesce(var.site_domain, site.domain_name)}"
  ])
}

resource "aws_cloudfront_origin_access_control" "site" {
  count                             = var.cloudfront ? 1 : 0
  name                              = "${var.name}-site"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

resource "aws_cloudfront_response_headers_policy" "site" {
  count = var.cloudfront ? 1 : 0
  name  = "${var.name}-site"

  security_headers_config {
    content_security_policy {
      override = true
      # Only the site's own files: no page loads from, sends to, or is framed by another origin.
      content_security_policy = join("; ", [
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
      ])
    }

    content_type_options {
      override = true
    }

    frame_options {
      frame_option = "DENY"
      override     = true
    }

    referrer_policy {
      referrer_policy = "no-referrer"
      override        = true
    }

    strict_transport_security {
      access_control_max_age_sec = 31536000
      include_subdomains         = true
      preload                    = true
      override                   = true
    }
  }
}

resource "aws_cloudfront_distribution" "site" {
  count               = var.cloudfront ? 1 : 0
  comment             = "${var.name}: quality and catalogue"
  enabled             = true
  default_root_object = "index.html"
  http_version        = "http2and3"
  price_class         = "PriceClass_100"
  web_acl_id          = var.site_web_acl_arn
  aliases             = var.site_domain == null ? [] : [var.site_domain]

  origin {
    origin_id                = "site"
    domain_name              = module.site_bucket.domain
    origin_access_control_id = aws_cloudfront_origin_access_control.site[0].id
  }

  default_cache_behavior {
    target_origin_id           = "site"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "redirect-to-https"
    compress                   = true
    response_headers_policy_id = aws_cloudfront_response_headers_policy.site[0].id
    # AWS's managed policy "CachingOptimized"; the pages change once a day.
    cache_policy_id = "658327ea-f89d-4fab-a63d-7e88639e58f6"
  }

  restrictions {
    geo_restriction {
      restriction_type = length(var.site_countries) == 0 ? "none" : "whitelist"
      locations        = var.site_countries
    }
  }

  viewer_certificate {
    cloudfront_default_certificate = var.site_certificate_arn == null
    acm_certificate_arn            = var.site_certificate_arn
    ssl_support_method             = var.site_certificate_arn == null ? null : "sni-only"
    minimum_protocol_version       = var.site_certificate_arn == null ? null : "TLSv1.2_2021"
  }
}
