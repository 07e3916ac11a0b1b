//! The text as it is pasted, and that nothing from outside gets out of its quotes.

use super::*;
use crate::plan::policy::installed;

fn ours() -> Settings {
    Settings {
        mutability: Some(Mutability {
            immutable: true,
            exclusions: vec!["inuse-*".to_owned()],
        }),
        encryption: Some(Encryption {
            kind: "KMS".to_owned(),
            key: Some("arn:aws:kms:ap-northeast-1:123456789012:key/1".to_owned()),
        }),
        scan_on_push: true,
        access: None,
        tags: BTreeMap::from([
            ("ManagedBy".to_owned(), "terraform".to_owned()),
            ("demitasse:family".to_owned(), "app".to_owned()),
        ]),
    }
}

#[test]
fn a_repository_with_its_policy() {
    let wanted = Wanted {
        name: "fluentd/app".to_owned(),
        settings: Some(ours()),
        policy: Some(installed(30)),
    };
    let expected = r#"resource "aws_ecr_repository" "fluentd_app" {
  name                 = "fluentd/app"
  image_tag_mutability = "IMMUTABLE_WITH_EXCLUSION"
  tags = {
    "ManagedBy"        = "terraform"
    "demitasse:family" = "app"
  }

  image_tag_mutability_exclusion_filter {
    filter      = "inuse-*"
    filter_type = "WILDCARD"
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = "arn:aws:kms:ap-northeast-1:123456789012:key/1"
  }

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "fluentd_app" {
  repository = aws_ecr_repository.fluentd_app.name
  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "pinned images stay"
        selection = {
          tagStatus      = "tagged"
          tagPatternList = ["inuse-*"]
          countType      = "imageCountMoreThan"
          countNumber    = 9999
        }
        action = {
          type = "expire"
        }
      },
"#;
    let text = repositories(&[wanted]);
    assert!(text.starts_with(expected), "{text}");
    assert!(text.ends_with("    ]\n  })\n}\n"), "{text}");
}

#[test]
fn only_a_policy_names_the_repository() {
    let wanted = Wanted {
        name: "fluentd/app".to_owned(),
        settings: None,
        policy: Some(installed(30)),
    };
    let text = repositories(&[wanted]);
    assert!(text.starts_with("resource \"aws_ecr_lifecycle_policy\" \"fluentd_app\" {\n  repository = \"fluentd/app\"\n"), "{text}");
}

#[test]
fn a_template() {
    let ours = ours();
    let wanted = Template {
        prefix: "fluentd".to_owned(),
        applied_for: vec!["REPLICATION", "CREATE_ON_PUSH"],
        creation: Creation {
            encryption: ours.encryption,
            mutability: ours.mutability.expect("ours"),
            access: Some(r#"{"Version": "2012-10-17", "Statement": [{"Principal": {"AWS": "*"}, "Condition": {}}]}"#.to_owned()),
            tags: ours.tags,
            scan_on_push: true,
        },
        role: Some("arn:aws:iam::123456789012:role/template".to_owned()),
        policy: installed(30),
    };
    let before = r#"resource "aws_ecr_repository_creation_template" "fluentd" {
  prefix               = "fluentd"
  description          = "demitasse: the newest 30 images and the pinned ones stay"
  applied_for          = ["REPLICATION", "CREATE_ON_PUSH"]
  custom_role_arn      = "arn:aws:iam::123456789012:role/template"
  image_tag_mutability = "IMMUTABLE_WITH_EXCLUSION"
  repository_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Principal = {
          AWS = "*"
        }
        Condition = {}
      },
    ]
  })
  lifecycle_policy = jsonencode({
    rules = [
      {
        rulePriority = 1
"#;
    let after = r#"    ]
  })
  resource_tags = {
    "ManagedBy"        = "terraform"
    "demitasse:family" = "app"
  }

  image_tag_mutability_exclusion_filter {
    filter      = "inuse-*"
    filter_type = "WILDCARD"
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = "arn:aws:kms:ap-northeast-1:123456789012:key/1"
  }
}
"#;
    let text = template(&wanted);
    assert!(text.starts_with(before), "{text}");
    assert!(text.ends_with(after), "{text}");
}

#[test]
fn labels_are_legal_and_unique() {
    let mut labels = Labels::default();
    for (name, expected) in [
        ("a/b", "a_b"),
        ("a_b", "a_b_2"),
        ("a.b", "a_b_3"),
        ("a_b_2", "a_b_2_2"),
        ("123/x-y", "_123_x-y"),
        ("-x", "_-x"),
        ("", "_"),
        ("é\"${x}", "____x_"),
    ] {
        assert_eq!(labels.make(name), expected, "{name}");
    }
}

#[test]
fn nothing_gets_out_of_its_quotes() {
    for (text, expected) in [
        ("a", r#""a""#),
        (r#"a"b\c"#, r#""a\"b\\c""#),
        ("a\nb\r\t\u{1}", r#""a\nb\r\t\u0001""#),
        ("${var.x} %{ if } $$ $", r#""$${var.x} %%{ if } $$ $""#),
        ("$${x}", r#""$$${x}""#),
        ("größer", r#""größer""#),
    ] {
        assert_eq!(string(text), expected, "{text}");
    }
    let hostile = Wanted {
        name: "x\"\n}\nresource \"evil\" \"y\" {".to_owned(),
        settings: Some(Settings {
            tags: BTreeMap::from([("a = \"${b}".to_owned(), "\"\n}".to_owned())]),
            ..Settings::default()
        }),
        policy: None,
    };
    let text = repositories(&[hostile]);
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with("resource"))
            .count(),
        1,
        "{text}"
    );
    assert!(
        text.contains(r#"name = "x\"\n}\nresource \"evil\" \"y\" {""#),
        "{text}"
    );
    assert!(text.contains(r#""a = \"$${b}" = "\"\n}""#), "{text}");
}
