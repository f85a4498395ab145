#include "mesh/io/nft.h"

#include "mesh/io/child_process.h"

namespace sixpn::mesh {
namespace {

constexpr Duration kLimit = std::chrono::seconds(10);

Result<ProgramOutput> run_nft(std::vector<std::string> arguments, const std::string& input) {
  arguments.insert(arguments.begin(), "nft");
  auto output = run_program(arguments, input, kLimit);
  if (!output && output.error().code == ENOENT)
    return Error("nft is not installed (Debian package nftables)", ENOENT);
  return output;
}

// The line that says what is wrong; nft repeats the input below it.
std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

Error refusal(const ProgramOutput& output) {
  if (output.err.find("Operation not permitted") != std::string::npos)
    return Error("nft: not permitted: run as root or with CAP_NET_ADMIN", EPERM);
  return Error("nft: " + first_line(output.err));
}

}  // namespace

Result<void> load_firewall(const std::string& document) {
  // Not "-": nft makes that /dev/stdin, which small containers lack.
  auto output = run_nft({"-j", "-f", "/proc/self/fd/0"}, document);
  if (!output) return std::move(output).error();
  if (output->exit_code != 0) return refusal(*output);
  return {};
}

Result<std::optional<FirewallListing>> list_firewall() {
  auto output = run_nft({"-j", "list", "table", "inet", kFirewallTable}, {});
  if (!output) return std::move(output).error();
  if (output->exit_code != 0) {
    if (output->err.find("No such file") != std::string::npos)
      return std::optional<FirewallListing>();
    return refusal(*output);
  }
  auto listing = parse_firewall_listing(output->out);
  if (!listing) return std::move(listing).error();
  return std::optional(std::move(*listing));
}

Result<std::vector<std::string>> list_dropping_chains() {
  auto output = run_nft({"-j", "list", "chains"}, {});
  if (!output) return std::move(output).error();
  if (output->exit_code != 0) return refusal(*output);
  return parse_dropping_chains(output->out);
}

}  // namespace sixpn::mesh
