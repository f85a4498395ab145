// Apps, their services and their Flycast addresses as text. Pure: JSON of docs/api.md in, text out.
#pragma once

#include <string>

#include "tools/cli/json_view.h"

namespace sixpn::cli {

std::string apps_text(JsonView apps);
std::string app_text(JsonView app);
std::string ips_text(JsonView addresses);

// "80 => 8080, udp 5000-5010 => 5000", as Fly's `services list` shows ports; "" for none.
std::string services_text(JsonView services);

}  // namespace sixpn::cli
