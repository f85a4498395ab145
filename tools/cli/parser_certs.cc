// The commands `sixpn certs ...`: TLS on Flycast.
#include "tools/cli/cert_commands.h"
#include "tools/cli/parser_commands.h"

namespace sixpn::cli {

namespace {

void add_root_key(CLI::App& app, RootKeyOptions& root) {
  app.add_option("--root-key", root.root_key, "the root key's file (root.key in the state folder)");
  add_state_dir(app, root.state_dir);
}

}  // namespace

void add_cert_commands(CLI::App& root, Invocation& invocation) {
  CLI::App& certs = add_group(root, "certs", "TLS on Flycast, by an org's own authority");
  auto ca = add_command<CertsCaOptions>(
      certs, invocation, "ca", "the authority's certificate (PEM), for trust stores", print_ca);
  ca.app->add_option("--org,-o", ca.options->org, "the organisation, where there are several");
  auto create = add_command<CertsCreateOptions>(
      certs, invocation, "create-ca",
      "make an org's authority, or a longer one, and certify its hosts", create_ca);
  create.app->add_option("--org,-o", create.options->org, "the organisation")->required();
  add_duration(*create.app, "--valid", create.options->valid, "from now (3650d)");
  add_root_key(*create.app, create.options->root);
  auto issue = add_command<CertsIssueOptions>(
      certs, invocation, "issue", "certify hosts anew: those that came later, or whose time ends",
      issue_certs);
  issue.app->add_option("--org,-o", issue.options->org, "only this organisation's");
  add_duration(*issue.app, "--valid", issue.options->valid,
               "from now (365d); never beyond the host's own certificate");
  add_root_key(*issue.app, issue.options->root);
  add_plain_command(certs, invocation, "list",
                    "for which orgs this host can issue certificates, until when", list_certs);
}

}  // namespace sixpn::cli
