#pragma once

#include <QObject>
#include <new>
#include <utility>

#include "core/base/error.h"
#include "widgets/jobs/outcome.h"

namespace rheo {

/// What a job would say of the error.
inline Failure toFailure(const Error& error) {
    return {error.code(), QString::fromUtf8(error.what()), QString::fromStdString(error.context())};
}

/// Gives the result of a job to `use`. Where the job failed, or its use throws an Error, `fail` gets the
/// failure; where the job was cancelled, neither is called.
template <class R, class Use, class Fail>
void useOutcome(Outcome<R>& outcome, Use&& use, Fail&& fail) {
    if (outcome.failure() != nullptr) return fail(*outcome.failure());
    if (outcome.cancelled()) return;
    try {
        use(std::move(*outcome.result()));
    } catch (const Error& error) {
        fail(toFailure(error));
    } catch (const std::bad_alloc&) {
        fail(Failure{ErrorCode::OutOfMemory, QObject::tr("There is not enough memory for this."), {}});
    }
}

}  // namespace rheo
