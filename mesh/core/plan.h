// plan_mesh: the steps that turn what is observed into what is desired, in an order that is safe at
// every moment: firewall before interfaces, interfaces before routes, additions before removals.
// plan_mesh(d, o) is empty when o is as d wants it; applying it to o makes it so. One change of the
// desired state touches one object.
#pragma once

#include <string>
#include <vector>

#include "mesh/core/desired.h"
#include "mesh/core/observed.h"
#include "mesh/core/steps.h"

namespace sixpn::mesh {

struct MeshPlan {
  std::vector<MeshStep> steps;
  [[nodiscard]] bool empty() const { return steps.empty(); }
  friend bool operator==(const MeshPlan&, const MeshPlan&) = default;
};

MeshPlan plan_mesh(const DesiredMesh& desired, const ObservedMesh& observed);

// One line per step.
std::vector<std::string> to_lines(const MeshPlan& plan);

}  // namespace sixpn::mesh
