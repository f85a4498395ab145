// Never compiled: a sample for tools/check_layers.
#include <boost/asio/io_context.hpp>
#include <thread>
auto now = std::chrono::steady_clock::now();
