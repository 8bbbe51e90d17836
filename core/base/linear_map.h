#pragma once

#include "core/base/array.h"

namespace rheo {

/// A square matrix that is known by its products with vectors, and need not be formed. Vectors are rows.
class LinearMap {
public:
    virtual ~LinearMap() = default;
    virtual Eigen::Index size() const = 0;
    /// The matrix times each row of `vectors`, [vector, size].
    virtual MatrixD times(const MatrixD& vectors) const = 0;
    /// Its transpose times each row of `vectors`, [vector, size].
    virtual MatrixD transposedTimes(const MatrixD& vectors) const = 0;
};

}  // namespace rheo
