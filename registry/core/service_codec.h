// Services and checks in an app's record to and from the wire. Only value_codec.cc calls this.
// Pure.
#pragma once

#include "registry/core/service.h"

namespace sixpn::wire {
class AppCheck;
class Service;
}  // namespace sixpn::wire

namespace sixpn::registry {

void put_service(wire::Service& out, const Service& in);
// False when a field is malformed. What a list may hold is service_rules.h's question.
bool take_service(const wire::Service& in, Service& out);
void put_check(wire::AppCheck& out, const AppCheck& in);
bool take_check(const wire::AppCheck& in, AppCheck& out);

}  // namespace sixpn::registry
