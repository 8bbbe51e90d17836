#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <vector>

namespace rheo {

/// Row-major matrices: row i is contiguous, as files and tensors here are.
using MatrixF = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixD = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using VectorF = Eigen::VectorXf;
using VectorD = Eigen::VectorXd;

/// A dense row-major array of three axes, e.g. [row, point, unit]. Owns its data.
template <class T>
struct Array3 {
    std::int64_t n0 = 0, n1 = 0, n2 = 0;
    std::vector<T> data;  ///< n0 * n1 * n2, last axis contiguous

    Array3() = default;
    Array3(std::int64_t a, std::int64_t b, std::int64_t c)
        : n0(a), n1(b), n2(c), data(static_cast<std::size_t>(a * b * c)) {}

    T* at(std::int64_t i, std::int64_t j) { return data.data() + (i * n1 + j) * n2; }
    const T* at(std::int64_t i, std::int64_t j) const { return data.data() + (i * n1 + j) * n2; }
    std::span<const T> line(std::int64_t i, std::int64_t j) const {
        return {at(i, j), static_cast<std::size_t>(n2)};
    }
    bool empty() const { return data.empty(); }
};

using Array3F = Array3<float>;

}  // namespace rheo
