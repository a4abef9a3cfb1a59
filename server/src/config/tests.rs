use super::*;

fn settings(toml: &str) -> Settings {
    toml::from_str(toml).unwrap()
}

#[test]
fn without_settings_an_embedded_lake_is_served_on_loopback() {
    let config = Config::of(Settings::default(), Settings::default(), None).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:50051");
    assert_eq!(config.admin_listen.unwrap().to_string(), "127.0.0.1:50052");
    assert_eq!((config.lake, config.auth), (Lake::Embedded { listen: None }, Auth::Passthrough));
    assert_eq!(config.exit_when_idle, None);
}

#[test]
fn a_server_can_listen_only_on_a_unix_socket_and_exit_when_idle() {
    let toml = "listen = 'unix:/run/user/1000/lakeport.sock'\nadmin-listen = 'off'\nexit-when-idle = 600";
    let config = Config::of(settings(toml), Settings::default(), None).unwrap();
    assert_eq!(config.listen, Address::Unix("/run/user/1000/lakeport.sock".into()));
    assert_eq!((config.admin_listen, config.exit_when_idle), (None, Some(Duration::from_secs(600))));
    for bad in ["unix:lakeport.sock", "unix:", &format!("unix:/{}", "x".repeat(108))] {
        let bad = settings(&format!("listen = '{bad}'"));
        let errors = Config::of(bad, Settings::default(), None).unwrap_err().to_string();
        assert!(errors.contains("--listen \"unix:"), "{errors}");
    }
}

#[test]
fn flags_take_precedence_over_the_file() {
    let (flags, file) = (settings("listen = '127.0.0.1:1'"), settings("listen = '127.0.0.1:2'\nauth = 'service'"));
    let config = Config::of(flags, file, None).unwrap();
    assert_eq!((config.listen.to_string().as_str(), config.auth), ("127.0.0.1:1", Auth::Service { token: None }));
}

#[test]
fn settings_are_read_from_the_configuration_file_and_secret_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    // A mounted secret often ends with a newline.
    let secret = write("secret", "hidden-text\n");
    let text = format!(
        "lakefs-url = 'http://lake'\nlakefs-access-key-id = 'key'\nlakefs-secret-access-key-file = {:?}\n\
         remember = 48\nweb-origin = ['https://a.example']\nlog-format = 'json'",
        secret.to_str().unwrap()
    );
    let named = |path| Settings { config: Some(path), ..Settings::default() };
    let config = Config::of_settings(named(write("lakeport.toml", &text))).unwrap();
    let (url, access_key_id) = ("http://lake".to_owned(), "key".to_owned());
    assert_eq!(config.lake, Lake::Remote { url, access_key_id, secret_access_key: Secret::new("hidden-text") });
    assert_eq!((config.remember, config.web_origins.len()), (Duration::from_secs(48 * 3600), 1));
    assert_eq!(config.log_format, LogFormat::Json);

    for (path, expected) in [(folder.path().join("none"), "No such file"), (write("bad.toml", "listen = "), "listen")] {
        let errors = Config::of_settings(named(path)).unwrap_err().to_string();
        assert!(errors.contains("--config") && errors.contains(expected), "{errors}");
    }
    let missing = settings(
        "lakefs-url = 'http://lake'\nlakefs-access-key-id = 'key'\nlakefs-secret-access-key-file = '/nowhere'",
    );
    let errors = Config::of(missing, Settings::default(), None).unwrap_err().to_string();
    assert!(errors.contains("--lakefs-secret-access-key-file"), "{errors}");
}

#[test]
fn every_flag_has_the_environment_variable_of_its_name() {
    let command = Settings::augment_args(clap::Command::new("lakeport-server"));
    for argument in command.get_arguments().filter(|argument| argument.get_long().is_some()) {
        let flag = argument.get_long().unwrap();
        let variable = format!("LAKEPORT_{}", flag.to_uppercase().replace('-', "_"));
        assert_eq!(argument.get_env().unwrap().to_str(), Some(variable.as_str()), "--{flag}");
    }
}

#[test]
fn all_errors_are_reported_together_without_secrets() {
    let flags = settings(
        "listen = 'here'\nauth = 'none'\nlakefs-url = 'ftp://x'\nlakefs-secret-access-key = 'hidden-text'\n\
         embedded-listen = '127.0.0.1:8000'\nsession-store = 'mysql://a:hidden-text@h/x'\nlog-format = 'xml'\nlog = 'lakeport=loud'\n\
         merge-timeout = 0\nremember = 'soon'\nadmin-listen = 'on'\nexit-when-idle = 0",
    );
    let errors = Config::of(flags, Settings::default(), Some("--config c: bad".into())).unwrap_err().to_string();
    for part in [
        "13 error(s)",
        "--config c",
        "--log-format",
        "--log \"lakeport=loud\"",
        "--listen",
        "--auth",
        "--lakefs-url: ",
        "--lakefs-access-key-id",
        "--embedded-listen",
        "--session-store",
        "--merge-timeout 0",
        "--remember soon",
        "--admin-listen \"on\"",
        "--exit-when-idle 0",
    ] {
        assert!(errors.contains(part), "{part} is missing in {errors}");
    }
    assert!(!errors.contains("hidden-text"));
}

#[test]
fn a_web_origin_is_a_scheme_and_a_host() {
    let config = Config::of(
        settings("web-origin = ['https://app.example.com', 'http://localhost:3000']"),
        Settings::default(),
        None,
    );
    assert_eq!(config.unwrap().web_origins.len(), 2);
    for bad in ["*", "app.example.com", "https://app.example.com/", "ftp://h", "https://", "https://h?x"] {
        let errors = Config::of(settings(&format!("web-origin = ['{bad}']")), Settings::default(), None).unwrap_err();
        assert!(errors.to_string().contains("--web-origin"), "{bad}");
    }
}

#[test]
fn anonymous_use_of_the_service_account_over_a_network_must_be_allowed_explicitly() {
    let open = "listen = '0.0.0.0:50051'\nauth = 'service'";
    assert!(Config::of(settings(open), Settings::default(), None).is_err());
    assert!(Config::of(settings(&format!("{open}\nallow-anonymous = true")), Settings::default(), None).is_ok());
    assert!(Config::of(settings(&format!("{open}\ntoken = '0123456789abcdef'")), Settings::default(), None).is_ok());
    let private = "listen = 'unix:/run/lakeport.sock'\nauth = 'service'";
    assert!(Config::of(settings(private), Settings::default(), None).is_ok());
}

#[test]
fn a_token_requires_the_service_mode_and_at_least_16_characters() {
    let of = |text: &str| Config::of(settings(text), Settings::default(), None);
    let config = of("auth = 'service'\ntoken = '0123456789abcdef'").unwrap();
    assert_eq!(config.auth, Auth::Service { token: Some(Secret::new("0123456789abcdef")) });
    for bad in [
        "auth = 'service'\ntoken = 'short'",
        "auth = 'service'\ntoken = '0123456789 abcdef'",
        "token = '0123456789abcdef'",
    ] {
        let errors = of(bad).unwrap_err().to_string();
        assert!(errors.contains("1 error(s)") && errors.contains("--token"), "{errors}");
    }
}

#[test]
fn the_ca_file_must_contain_a_certificate_and_requires_https() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, "nothing").unwrap();
    let account = "lakefs-access-key-id = 'key'\nlakefs-secret-access-key = 'secret'";
    for (url, file, why) in [
        ("https://lake", file.to_str().unwrap(), "it contains no certificate"),
        ("https://lake", "/nowhere", "No such file"),
        ("http://lake", file.to_str().unwrap(), "begins with https://"),
    ] {
        let flags = settings(&format!("lakefs-url = '{url}'\nlakefs-ca-file = '{file}'\n{account}"));
        let errors = Config::of(flags, Settings::default(), None).unwrap_err().to_string();
        assert!(errors.contains("--lakefs-ca-file") && errors.contains(why), "{errors}");
    }
}

#[test]
fn an_unknown_key_in_the_file_is_an_error() {
    assert!(toml::from_str::<Settings>("lisen = 'x'").is_err());
}
