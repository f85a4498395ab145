#include "c_ares_calls.h"

#include <dlfcn.h>

namespace sixpn::dns::testing {

CAresCalls& c_ares_calls() {
  static CAresCalls calls;
  return calls;
}

}  // namespace sixpn::dns::testing

// Each takes the place of the library's for this whole program: counts, and does what that one
// does. Types are those of c-ares 1.18.1, as far as these need to know them.
struct timeval;
struct ares_channeldata;
struct ares_options;
using Channel = ares_channeldata*;

namespace {

using sixpn::dns::testing::c_ares_calls;

template <class Function>
Function* original(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

using OnEnd = void (*)(void*, int, int, unsigned char*, int);

void ares_send(Channel channel, const unsigned char* query, int size, OnEnd on_end, void* context) {
  static auto library = original<decltype(ares_send)>("ares_send");
  constexpr int kAdditional = 10;  // in the header: how many records, and ours are only ever OPTs
  ++c_ares_calls().sends;
  if (size > kAdditional + 1 && query[kAdditional + 1] != 0) ++c_ares_calls().sends_with_opt;
  library(channel, query, size, on_end, context);
}

int ares_init_options(Channel* channel, ares_options* options, int mask) {
  static auto library = original<decltype(ares_init_options)>("ares_init_options");
  ++c_ares_calls().channels_made;
  return library(channel, options, mask);
}

void ares_destroy(Channel channel) {
  static auto library = original<decltype(ares_destroy)>("ares_destroy");
  library(channel);
  ++c_ares_calls().channels_destroyed;
}

timeval* ares_timeout(Channel channel, timeval* most, timeval* out) {
  static auto library = original<decltype(ares_timeout)>("ares_timeout");
  ++c_ares_calls().deadlines_asked_for;
  return library(channel, most, out);
}

}  // extern "C"
