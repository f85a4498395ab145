#include "machine/core/cgroup_paths.h"

#include <gtest/gtest.h>

namespace sixpn::machine {
namespace {

TEST(CgroupPaths, TheHierarchyIsFoundBesideAndWithoutVersionOne) {
  constexpr std::string_view kHybrid =
      "22 26 0:20 / /proc rw,relatime shared:5 - proc proc rw\n"
      "30 26 0:26 / /sys/fs/cgroup/memory rw shared:9 master:1 - cgroup cgroup rw,memory\n"
      "31 26 0:27 / /sys/fs/cgroup/unified rw,nosuid - cgroup2 cgroup2 rw\n";
  EXPECT_EQ(find_cgroup_mount(kHybrid), (CgroupMount{"/sys/fs/cgroup/unified", "/"}));
  EXPECT_EQ(find_cgroup_mount("31 26 0:27 /docker/ab /cg rw shared:1 - cgroup2 none rw\n"),
            (CgroupMount{"/cg", "/docker/ab"}));
}

TEST(CgroupPaths, WhatIsNotThereOrCutOffIsNothing) {
  for (std::string_view text :
       {"", "\n\n", "31 26 0:27 /", "31 26 0:27 / /cg rw", "31 26 0:27 / /cg rw - ",
        "31 26 0:27 / /cg rw - cgroup cgroup rw", "31 26 0:27 / /cg rw - tmpfs cgroup2 rw"})
    EXPECT_EQ(find_cgroup_mount(text), std::nullopt) << text;
  for (std::string_view text : {"", "0::", "4:memory:/a\n1:cpu:/\n", "10::/a"})
    EXPECT_EQ(find_cgroup_path(text), std::nullopt) << text;
}

TEST(CgroupPaths, AProcessIsInOnePlace) {
  EXPECT_EQ(find_cgroup_path("4:memory:/x\n0::/system.slice/sixpnd.service\n"),
            "/system.slice/sixpnd.service");
  EXPECT_EQ(find_cgroup_path("0::/"), "/");
}

TEST(CgroupPaths, FoldersAreBelowTheMount) {
  const CgroupMount all{"/sys/fs/cgroup", "/"};
  EXPECT_EQ(*cgroup_folder(all, "/"), "/sys/fs/cgroup");
  EXPECT_EQ(*cgroup_folder(all, "/a/b"), "/sys/fs/cgroup/a/b");
  const CgroupMount part{"/cg", "/docker/ab"};
  EXPECT_EQ(*cgroup_folder(part, "/docker/ab"), "/cg");
  EXPECT_EQ(*cgroup_folder(part, "/docker/ab/c"), "/cg/c");
  EXPECT_FALSE(cgroup_folder(part, "/docker/abc"));
  EXPECT_FALSE(cgroup_folder(part, "/docker"));
  EXPECT_FALSE(cgroup_folder(all, "/../outside"));
  EXPECT_FALSE(cgroup_folder({"/sys\\040x", "/"}, "/a"));
}

}  // namespace
}  // namespace sixpn::machine
