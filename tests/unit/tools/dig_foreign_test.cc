// `sixpn dig` of a foreign name: what the host's resolver was told, and by which rule.
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "tools/cli/dig_view.h"

namespace sixpn::cli {
namespace {

constexpr const char* kForeign = R"({"name":"hr.corp.example.","type":"A","rcode":"NOERROR",
  "forwarded":true,"note":"not a name of this network: the resolver forwards it, by the rule",
  "flags":["qr","rd","ra"],"authoritative":false,"extended_errors":[],
  "answers":["hr.corp.example.\t60\tIN\tCNAME\twww.corp.example.",
             "www.corp.example.\t60\tIN\tA\t192.0.2.7"],
  "authority":["corp.example.\t9\tIN\tNS\tns.corp.example."],"additional":[],
  "org":"acme","network":"default","generation":42,"network_generation":7,"behind":[],
  "as":"machine 148e21dad76789 of web","source":"fdaa::9","host":"a","region":"iad",
  "rule":"the rule for corp.example.: 192.0.2.1:53","servers":["192.0.2.1:53"],
  "kept":false,"took_us":1234,"bytes":98,"answers_in_512":0,"answers_in_1232":0})";

boost::json::value foreign(const std::string& more = "") {
  std::string text = kForeign;
  // Of two members of one name the last counts.
  if (!more.empty()) text.insert(text.rfind('}'), "," + more);
  return boost::json::parse(text);
}

TEST(DigForeign, AsDigPrintsIt) {
  auto dig = foreign();
  EXPECT_EQ(dig_text(JsonView(dig)),
            ";; ->>HEADER<<- opcode: QUERY, status: NOERROR\n"
            ";; flags: qr rd ra; QUERY: 1, ANSWER: 2, AUTHORITY: 1, ADDITIONAL: 0\n"
            "\n;; QUESTION SECTION:\n"
            ";hr.corp.example.\t\tIN\tA\n"
            "\n;; ANSWER SECTION:\n"
            "hr.corp.example.\t60\tIN\tCNAME\twww.corp.example.\n"
            "www.corp.example.\t60\tIN\tA\t192.0.2.7\n"
            "\n;; AUTHORITY SECTION:\n"
            "corp.example.\t\t9\tIN\tNS\tns.corp.example.\n"
            "\n;; SERVER: the resolver of this host, by the rule for corp.example.: 192.0.2.1:53 "
            "(asked, 1.234 ms)\n"
            ";; MSG SIZE: 98\n");
}

TEST(DigForeign, KeptElsewhereAndWithErrors) {
  auto dig =
      foreign(R"("kept":true,"elsewhere":true,"rcode":"SERVFAIL","answers":[],)"
              R"("flags":["qr","tc","rd","ra"],"authority":[],)"
              R"j("extended_errors":["3 (Stale Answer)","22 (No Reachable Authority): (x)"])j");
  EXPECT_EQ(dig_text(JsonView(dig)),
            ";; ->>HEADER<<- opcode: QUERY, status: SERVFAIL\n"
            ";; flags: qr tc rd ra; QUERY: 1, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 0\n"
            ";; EDE: 3 (Stale Answer)\n"
            ";; EDE: 22 (No Reachable Authority): (x)\n"
            "\n;; QUESTION SECTION:\n"
            ";hr.corp.example.\t\tIN\tA\n"
            "\n;; SERVER: the resolver of this host, by the rule for corp.example.: 192.0.2.1:53 "
            "(kept)\n"
            ";; ELSEWHERE: asked from this host; host a asks by its own rules\n"
            ";; MSG SIZE: 98\n");
  EXPECT_EQ(dig_short(JsonView(dig)).error().message, "lookup failed: SERVFAIL");
}

TEST(DigForeign, Explanation) {
  auto dig = foreign();
  EXPECT_EQ(explanation_text(JsonView(dig)),
            "\n;; EXPLANATION:\n"
            ";; view: network default of acme, as machine 148e21dad76789 of web (fdaa::9) on host "
            "a in iad\n"
            ";; rule: the rule for corp.example.: 192.0.2.1:53\n"
            ";; servers: 192.0.2.1:53\n"
            ";; registry: generation 42, this network's last change in 7\n");
}

TEST(DigForeign, ShortIsTheData) {
  auto dig = foreign();
  EXPECT_EQ(*dig_short(JsonView(dig)), "www.corp.example.\n192.0.2.7\n");
  auto text = foreign(R"("answers":["x. 5 IN TXT \"a\\\\\\\"\" \"\\027[1m\""])");
  EXPECT_EQ(*dig_short(JsonView(text)), "\"a\\\\\\\"\" \"\\027[1m\"\n");
  auto control = foreign(R"("answers":["x. 5 IN TXT \"\\194\\15531m\""])");
  EXPECT_EQ(*dig_short(JsonView(control)), R"("\194\15531m")"
                                           "\n")
      << "no U+009B, as dig +short";
}

}  // namespace
}  // namespace sixpn::cli
