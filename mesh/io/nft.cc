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

// What nft prints of it; nothing when it does not exist.
Result<std::optional<std::string>> list_table(const char* name) {
  auto output = run_nft({"-j", "list", "table", "inet", name}, {});
  if (!output) return std::move(output).error();
  if (output->exit_code == 0) return std::optional(std::move(output->out));
  if (output->err.find("No such file") != std::string::npos) return std::optional<std::string>();
  return refusal(*output);
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
  auto text = list_table(kFirewallTable);
  if (!text) return std::move(text).error();
  if (!*text) return std::optional<FirewallListing>();
  auto listing = parse_firewall_listing(**text);
  if (!listing) return std::move(listing).error();
  return std::optional(std::move(*listing));
}

Result<std::optional<ServiceMapListing>> list_service_map() {
  auto text = list_table(kServiceTable);
  if (!text) return std::move(text).error();
  if (!*text) return std::optional<ServiceMapListing>();
  auto listing = parse_service_map_listing(**text);
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
