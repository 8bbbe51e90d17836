#pragma once

#include <QString>
#include <utility>
#include <variant>

#include "core/base/error.h"

namespace rheo {

/// What a job that failed has to say: an Error, or any other exception as Internal.
struct Failure {
    ErrorCode code = ErrorCode::Internal;
    QString message;  ///< a whole sentence for a person
    QString context;  ///< the file, tensor or dataset alone
};

/// How a job ended: with a result, with a failure, or because it was told to stop.
template <class R>
class Outcome {
public:
    Outcome(R result) : m_value(std::in_place_index<0>, std::move(result)) {}
    Outcome(Failure failure) : m_value(std::in_place_index<1>, std::move(failure)) {}
    Outcome(Cancelled) : m_value(std::in_place_index<2>) {}

    /// The result, or null.
    R* result() { return std::get_if<0>(&m_value); }
    const R* result() const { return std::get_if<0>(&m_value); }
    /// The failure, or null.
    const Failure* failure() const { return std::get_if<1>(&m_value); }
    bool cancelled() const { return m_value.index() == 2; }

private:
    std::variant<R, Failure, Cancelled> m_value;
};

}  // namespace rheo
