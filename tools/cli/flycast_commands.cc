#include "tools/cli/flycast_commands.h"

#include "tools/cli/api_client.h"
#include "tools/cli/api_target.h"
#include "tools/cli/flycast_view.h"
#include "tools/cli/json_view.h"

namespace sixpn::cli {

CommandResult show_flycast(CommandContext& context) {
  auto status = ApiClient(context.socket_path).get(ApiTarget("/v1/flycast"));
  if (!status) return status.error();
  context.out << (context.json ? pretty(*status) : flycast_status_text(JsonView(*status)));
  return ExitCode::kOk;
}

CommandResult explain_flycast(CommandContext& context, const FlycastExplainOptions& options) {
  auto said = ApiClient(context.socket_path)
                  .get(ApiTarget("/v1/flycast/explain")
                           .query("app", options.app)
                           .query("org", options.org)
                           .query("network", options.network)
                           .query("as", options.as)
                           .query("port", options.port == 0 ? "" : std::to_string(options.port)));
  if (!said) return said.error();
  context.out << (context.json ? pretty(*said) : flycast_explain_text(JsonView(*said)));
  return ExitCode::kOk;
}

}  // namespace sixpn::cli
