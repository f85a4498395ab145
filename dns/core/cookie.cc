#include "dns/core/cookie.h"

#include <bit>
#include <cstring>

namespace sixpn::dns {
namespace {

constexpr char kVersion = 1;
constexpr std::size_t kTimeAt = 4;
constexpr std::size_t kHashAt = 8;

std::uint64_t load_little(const char* bytes, std::size_t n) {
  std::uint64_t word = 0;
  for (std::size_t i = n; i > 0; --i) word = word << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return word;
}

void store_little(char* bytes, std::uint64_t word) {
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(word >> 8 * i);
}

std::uint32_t load_time(const char* bytes) {
  std::uint32_t time = 0;
  for (std::size_t i = 0; i < 4; ++i) time = time << 8 | static_cast<unsigned char>(bytes[i]);
  return time;
}

struct SipState {
  std::uint64_t a, b, c, d;

  void round() {
    a += b;
    c += d;
    b = std::rotl(b, 13) ^ a;
    d = std::rotl(d, 16) ^ c;
    a = std::rotl(a, 32);
    c += b;
    a += d;
    b = std::rotl(b, 17) ^ c;
    d = std::rotl(d, 21) ^ a;
    c = std::rotl(c, 32);
  }
  void absorb(std::uint64_t word) {
    d ^= word;
    round();
    round();
    a ^= word;
  }
};

// RFC 9018 section 4.4: client cookie, version, reserved, timestamp, address. `head` is the first
// half of the server cookie, as it came: the reserved bytes count.
std::uint64_t hash_of(const SipKey& secret, const char* client, const char* head,
                      const Ip6& source) {
  std::array<char, kClientCookieBytes + kHashAt + 16> input{};
  std::memcpy(input.data(), client, kClientCookieBytes);
  std::memcpy(input.data() + kClientCookieBytes, head, kHashAt);
  std::size_t skipped = source.is_v4_mapped() ? 12 : 0;  // an IPv4 address counts as four bytes
  std::size_t taken = source.bytes.size() - skipped;
  std::memcpy(input.data() + kClientCookieBytes + kHashAt, source.bytes.data() + skipped, taken);
  return siphash24(secret, {input.data(), kClientCookieBytes + kHashAt + taken});
}

}  // namespace

std::uint64_t siphash24(const SipKey& key, std::string_view bytes) {
  SipState state{key.low ^ 0x736f6d6570736575ULL, key.high ^ 0x646f72616e646f6dULL,
                 key.low ^ 0x6c7967656e657261ULL, key.high ^ 0x7465646279746573ULL};
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) state.absorb(load_little(bytes.data() + at, 8));
  state.absorb(std::uint64_t{bytes.size()} << 56 |
               load_little(bytes.data() + at, bytes.size() - at));
  state.c ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.a ^ state.b ^ state.c ^ state.d;
}

ServerCookie make_server_cookie(const SipKey& secret, std::string_view client, const Ip6& source,
                                std::uint32_t seconds) {
  ServerCookie cookie{};
  cookie[0] = kVersion;
  for (std::size_t i = 0; i < 4; ++i)
    cookie[kTimeAt + i] = static_cast<char>(seconds >> 8 * (3 - i));
  store_little(cookie.data() + kHashAt, hash_of(secret, client.data(), cookie.data(), source));
  return cookie;
}

const SipKey& CookieBaker::secret_at(std::uint32_t seconds) {
  std::uint32_t number = seconds / kSecretLife;
  Day& day = days_[number % days_.size()];
  if (day.known && day.number == number) return day.secret;
  std::array<char, 9> input{};
  store_little(input.data(), number);
  day = {number, {}, true};
  day.secret.low = siphash24(root_, {input.data(), input.size()});
  input.back() = 1;
  day.secret.high = siphash24(root_, {input.data(), input.size()});
  return day.secret;
}

CookieState CookieBaker::check(std::string_view cookie, const Ip6& source, std::uint32_t seconds,
                               ServerCookie& reply) {
  std::string_view client = cookie.substr(0, kClientCookieBytes);
  std::string_view server = cookie.substr(client.size());
  CookieState state = server.empty() ? CookieState::kClientOnly : CookieState::kBad;
  if (server.size() == kServerCookieBytes && server[0] == kVersion) {
    // Serial number arithmetic (RFC 1982): the clock's 32 bits wrap in 2106.
    std::uint32_t time = load_time(server.data() + kTimeAt);
    auto age = static_cast<std::int32_t>(seconds - time);
    bool timely = age <= static_cast<std::int32_t>(kCookieLife) &&
                  age >= -static_cast<std::int32_t>(kCookieFuture);
    if (timely && hash_of(secret_at(time), client.data(), server.data(), source) ==
                      load_little(server.data() + kHashAt, 8)) {
      state = CookieState::kValid;
      if (age <= static_cast<std::int32_t>(kCookieRenewal)) {
        std::memcpy(reply.data(), server.data(), reply.size());
        return state;
      }
    }
  }
  reply = make_server_cookie(secret_at(seconds), client, source, seconds);
  return state;
}

}  // namespace sixpn::dns
