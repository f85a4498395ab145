// Never compiled: statements that tools/check_coroutines must not report.
task<void> good(socket& stream, std::vector<int> list) {
  auto named = [captured] { return captured; };
  co_await run(named);
  Agg value{T{}, 1};
  co_await by_value(value);
  co_await by_value(std::move(value));
  co_await by_value(Cls(1));
  co_await timer.async_wait(use_awaitable);
  auto [error, size] = co_await stream.async_read(buffer(list), as_tuple(use_awaitable));
  auto& [first, second] = co_await pair();
  co_await by_value(list[0], list[named()]);
  // co_await by_value(Agg{1, 2}); is only talked about here
  log("co_await by_value(Agg{1, 2});");
  log('{', 1'000'000, "a\"{");
  if (int r = co_await by_value(Cls(1)); r == 1) {
    use(Agg{1, 2});
  }
  if (co_await ready()) {
    use({1, 2});
  } else {
    use([&] { return 1; });
  }
  for (int i = 0; i < 2; ++i) {
    co_await by_value(i);
  }
  use(Agg{1, 2});
  co_await plain();
  use({1, 2});
  while (co_await plain()) {
  }
  Result made{co_await plain()};
  auto awaitable = by_value(Agg{1, 2});
  co_await std::move(awaitable);
  co_spawn(context, [captured]() -> task<void> { co_await plain(); });
  auto [e] = co_await [](int) -> task<int> { Agg inner{1, 2}; use(Agg{1, 2}); co_return 1; }(1);
  co_return Agg{1, 2};
}
struct Session {
  int count{0};
  task<void> run() { co_await plain(); }
  task<Agg> answer() noexcept { co_await plain(); co_return Agg{1, 2}; }
};
