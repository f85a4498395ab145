#include "registry/core/round_trip.h"

#include <gtest/gtest.h>

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;

TEST(RoundTripTest, NothingBeforeTheFirstSample) {
  RoundTrip trip;
  EXPECT_EQ(trip.smoothed(), std::nullopt);
  EXPECT_EQ(trip.distance(), std::nullopt);
  EXPECT_EQ(trip.timeout(250ms, 500ms), 500ms);
}

TEST(RoundTripTest, AHandshakeDoesNotMakeAHostFar) {
  RoundTrip trip;
  trip.sample(900ms);
  EXPECT_EQ(trip.distance(), 900ms);
  trip.sample(90ms);
  trip.sample(300ms);
  EXPECT_EQ(trip.distance(), 90ms);
}

TEST(RoundTripTest, ALongerPathIsBelievedAfterEightSamples) {
  RoundTrip trip;
  trip.sample(10ms);
  for (int i = 0; i < 7; ++i) trip.sample(200ms);
  EXPECT_EQ(trip.distance(), 10ms);
  trip.sample(200ms);
  EXPECT_EQ(trip.distance(), 200ms);
}

TEST(RoundTripTest, TheTimeoutStaysInItsBounds) {
  RoundTrip trip;
  for (int i = 0; i < 20; ++i) trip.sample(1ms);
  EXPECT_EQ(trip.timeout(250ms, 500ms), 250ms);
  for (int i = 0; i < 20; ++i) trip.sample(2s);
  EXPECT_EQ(trip.timeout(250ms, 500ms), 500ms);
}

TEST(RoundTripTest, AFirstSampleIsAsSteadyAsItsRegion) {
  RoundTrip region;
  for (int i = 0; i < 40; ++i) region.sample(i % 2 == 0 ? 99ms : 101ms);
  RoundTrip alike;
  alike.sample(102ms, &region);
  EXPECT_LT(alike.timeout(100ms, 500ms), 180ms);
  RoundTrip apart;
  apart.sample(140ms, &region);
  EXPECT_GT(apart.timeout(100ms, 500ms), 300ms);
  // Without a region's, as RFC 6298 has it.
  RoundTrip alone;
  alone.sample(102ms);
  EXPECT_EQ(alone.timeout(100ms, 500ms), 356ms);
  RoundTrip of_unknown;
  RoundTrip unknown;
  of_unknown.sample(102ms, &unknown);
  EXPECT_EQ(of_unknown.timeout(100ms, 500ms), 356ms);
}

}  // namespace
}  // namespace sixpn::registry
