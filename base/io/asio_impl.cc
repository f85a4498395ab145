// Asio and Beast are compiled here, once (BOOST_ASIO_SEPARATE_COMPILATION): every other file only
// reads their declarations, which halves compile times.
#include <boost/asio/impl/src.hpp>
