// Prog arrays: slots, ids, and that replaced programs live as long as runs that may hold them.
#include "helpers/spec/image.h"
#include "tests/helpers/map_support.h"

namespace skep {
namespace {

// A program that says whether it is still alive.
struct Fake : Callable {
  explicit Fake(int& alive_in, const Image* of = nullptr) : alive(alive_in) {
    image = of;
    ++alive;
  }
  ~Fake() { --alive; }
  int& alive;
};

class MapProgArray : public testing::Test {
 protected:
  MapProgArray() {
    programs_ = {[](void* user, u32 id) {
                   auto* self = static_cast<MapProgArray*>(user);
                   return id == 7 ? self->program() : nullptr;
                 },
                 this};
    map_ = make(map_spec(MapType::prog_array, 4, 4, 4), {.runs = &runs_, .programs = &programs_});
  }

  std::shared_ptr<const Callable> program(const Image* image = nullptr) {
    return std::make_shared<Fake>(alive_, image);
  }

  int alive_ = 0;
  ActiveRuns runs_;
  ProgramIds programs_{};
  std::unique_ptr<Map> map_;
};

TEST_F(MapProgArray, SlotsAsLinux) {
  Bytes out;
  EXPECT_EQ(map_->target(0), nullptr);
  EXPECT_EQ(map_->target(4), nullptr);
  EXPECT_EQ(map_->read(Bytes(0), out), kENOENT);
  EXPECT_EQ(map_->read(Bytes(4), out), kENOENT);
  EXPECT_EQ(map_->erase(Bytes(0)), kENOENT);
  EXPECT_EQ(map_->erase(Bytes(4)), kE2BIG);
  EXPECT_EQ(map_->write(Bytes(0), Bytes(7), 1), kEINVAL);
  EXPECT_EQ(map_->write(Bytes(4), Bytes(7), 2), kEINVAL);
  EXPECT_EQ(map_->write(Bytes(4), Bytes(7), 0), kE2BIG);
  EXPECT_EQ(map_->write(Bytes(0), Bytes(8), 0), kEBADF);
  EXPECT_EQ(map_->write(Bytes(0), Bytes(7), 0), 0);
  EXPECT_EQ(map_->write(Bytes(0), Bytes(7), 0), 0);
  EXPECT_NE(map_->target(0), nullptr);
  EXPECT_EQ(map_->read(Bytes(0), out), 0);
  EXPECT_EQ(out.number(4), 7u);
  EXPECT_EQ(map_->set_target(4, program()), kE2BIG);
  EXPECT_EQ(map_->set_target(3, program(), 9), 0);
  EXPECT_EQ(map_->read(Bytes(3), out), 0);
  EXPECT_EQ(out.number(4), 9u);
  EXPECT_EQ(map_->next_key(nullptr, out), 0);
  EXPECT_EQ(out.number(4), 0u);
  EXPECT_EQ(map_->next_key(Bytes(3), out), kENOENT);
  EXPECT_EQ(map_->next_key(Bytes(9), out), 0);
  EXPECT_EQ(out.number(4), 0u);
  EXPECT_EQ(map_->erase(Bytes(0)), 0);
  EXPECT_EQ(map_->erase(Bytes(0)), kENOENT);
  EXPECT_EQ(map_->target(0), nullptr);
  EXPECT_EQ(alive_, 1);
}

TEST_F(MapProgArray, ProgramsOfOneType) {
  Image xdp, filter;
  xdp.type = ProgramType::xdp;
  filter.type = ProgramType::socket_filter;
  EXPECT_EQ(map_->set_target(0, program(&xdp)), 0);
  EXPECT_EQ(map_->set_target(1, program(&filter)), kEINVAL);
  EXPECT_EQ(map_->erase(Bytes(0)), 0);
  EXPECT_EQ(map_->set_target(1, program(&filter)), kEINVAL) << "the type stays, as in Linux";
  EXPECT_EQ(map_->set_target(1, program(&xdp)), 0);
  EXPECT_EQ(alive_, 1);
}

TEST_F(MapProgArray, ReplacedProgramsDieAtOnceWhenNothingRuns) {
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(map_->set_target(0, program()), 0);
  EXPECT_EQ(alive_, 1);
  EXPECT_EQ(map_->erase(Bytes(0)), 0);
  EXPECT_EQ(alive_, 0);
}

TEST_F(MapProgArray, ReplacedProgramsOutliveRunsThatMayHoldThem) {
  EXPECT_EQ(map_->set_target(0, program()), 0);
  {
    const ActiveRuns::Run first(map_->active_runs(), 0);
    EXPECT_EQ(map_->set_target(0, program()), 0);
    EXPECT_EQ(alive_, 2) << "the run may hold the first";
    const ActiveRuns::Run second(map_->active_runs(), 1);
    EXPECT_EQ(map_->set_target(0, program()), 0);
    EXPECT_EQ(alive_, 3);
  }
  EXPECT_EQ(map_->set_target(0, program()), 0);
  EXPECT_EQ(alive_, 1);
}

// A run that never ends bounds what can be replaced, not the memory.
TEST_F(MapProgArray, TooManyRetiredProgramsAreRefused) {
  int set = 0;
  {
    const ActiveRuns::Run run(map_->active_runs(), 3);
    while (map_->set_target(0, program()) == 0) ASSERT_LT(++set, 10'000);
    EXPECT_EQ(map_->set_target(0, program()), kEBUSY);
    EXPECT_EQ(map_->erase(Bytes(0)), kEBUSY);
  }
  EXPECT_LE(static_cast<u32>(set), ActiveRuns::kMaxRetired + 1);
  EXPECT_EQ(map_->set_target(0, program()), 0);
  EXPECT_EQ(alive_, 1);
}

TEST_F(MapProgArray, TheMapKeepsItsPrograms) {
  EXPECT_EQ(map_->set_target(0, program()), 0);
  EXPECT_EQ(map_->set_target(3, program()), 0);
  map_.reset();
  EXPECT_EQ(alive_, 0);
}

TEST(MapProgArrayAlone, WorksWithoutAWorld) {
  int alive = 0;
  const auto map = make(map_spec(MapType::prog_array, 4, 4, 2));
  EXPECT_EQ(map->set_target(1, std::make_shared<Fake>(alive)), 0);
  EXPECT_EQ(map->set_target(1, std::make_shared<Fake>(alive)), 0);
  EXPECT_EQ(alive, 1);
  EXPECT_EQ(map->active_runs(), nullptr);
  EXPECT_EQ(map->write(Bytes(0), Bytes(7), 0), kEBADF);
}

}  // namespace
}  // namespace skep
