// The functions of fmt that are no templates, compiled from its headers: for libskep.so, which then
// needs no libfmt of a certain version beside it, and for programs linked all static, since Debian
// has no static libfmt. What is listed is what the headers declare as compiled elsewhere. Linking
// libskep.so without undefined symbols is the test, and tests/outside/installed.

#include <fmt/format-inl.h>

namespace fmt {
template detail::dragonbox::decimal_fp<float> detail::dragonbox::to_decimal(float value) noexcept;
template detail::dragonbox::decimal_fp<double> detail::dragonbox::to_decimal(double value) noexcept;
template detail::thousands_sep_result<char> detail::thousands_sep_impl(detail::locale_ref);
template char detail::decimal_point_impl(detail::locale_ref);
}  // namespace fmt
