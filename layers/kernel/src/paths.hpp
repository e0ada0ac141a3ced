// The paths that this machine supports.
#pragma once

#include "comparison.hpp"

namespace linkage {

// Return the functions of a path; linkage_path must have returned it.
const Path *path_functions(int path);

}  // namespace linkage
