// Never compiled: statements that tools/check_coroutines has to report, each on the line marked so.
task<void> bad(socket& stream, std::vector<int> list) {
  int captured = 0;
  co_await run([captured] { return captured; });  // bad
  co_await run([&] { return 1; });  // bad
  int a = co_await run([&captured]() mutable { return captured; });  // bad
  auto r = co_await with_function(list[0], [this] { return 1; });  // bad
  co_await by_value(Agg{T{}, 1});  // bad
  co_await by_value({T{}, 1});  // bad
  co_await by_value({.a = T{}, .s = 1});  // bad
  co_await by_reference(Agg{T(), 1});  // bad
  int b = co_await by_value(list[1], std::string{"x"});  // bad
  if (co_await by_value(Agg{1, 2})) captured = 1;  // bad
  while (co_await by_value({1, 2}) == 3) {  // bad
    captured = 2;
  }
  if (captured) co_await by_value(Agg{1, 2});  // bad
  combine(Agg{1, 2}, co_await plain());  // bad
  co_return co_await by_value(Agg{1, 2});  // bad
  int c = captured == 0 ? co_await by_value(Agg{1, 2}) : 0;  // bad
  co_await stream.async_wait(
      wait_read,
      redirect(Agg{1, 2}));  // bad
  auto nested = [] {};
  {
    co_await by_value(Agg{1, 2});  // bad
  }
  switch (co_await by_value(Agg{1, 2})) {  // bad
    case 1: co_await by_value({1});  // bad
    default: break;
  }
  for (auto& item : co_await by_value(Agg{1, 2})) use(item);  // bad
  co_spawn(context, [captured]() -> task<void> {
    co_await by_value({1, 2});  // bad
  });
}
