#include "widgets/viewmodels/message_board.h"

#include <algorithm>
#include <utility>

#include "widgets/viewmodels/feature.h"
#include "widgets/viewmodels/file_keeper.h"

namespace rheo {

MessageBoard::MessageBoard(Workspace& workspace, QObject* parent) : QObject(parent), m_workspace(workspace) {
    connect(&workspace, &Workspace::failed, this, [this](const QString& what, const Failure& failure) {
        Message message{what, tr("%1: %2").arg(what, failure.message), true};
        // A refusal is over when what was missing is there.
        if (const auto feature = refusedFeature(m_workspace, failure.message))
            message.isOver = [this, why = failure.message, feature = *feature] {
                return whyNot(m_workspace, feature) != why;
            };
        post(std::move(message));
    });
    connect(&workspace, &Workspace::succeeded, this, &MessageBoard::succeed);
    connect(&workspace, &Workspace::stateChanged, this, &MessageBoard::review);
    connect(&workspace, &Workspace::modelChanged, this, &MessageBoard::review);
    const auto forget = [this] { removeIf([](const Message& message) { return message.isError; }); };
    connect(&workspace, &Workspace::documentReplaced, this, forget);
    connect(&workspace, &Workspace::opened, this, forget);
}

void MessageBoard::post(Message message) {
    m_messages.removeIf([&](const Message& other) { return other.doing == message.doing; });
    m_messages << std::move(message);
    Q_EMIT changed();
}

void MessageBoard::succeed(const QString& doing) {
    removeIf([&](const Message& message) { return message.doing == doing; });
}

void MessageBoard::dismiss() {
    if (const Message* shown = front()) succeed(QString(shown->doing));
}

void MessageBoard::review() {
    removeIf([](const Message& message) { return message.isOver && message.isOver(); });
}

void MessageBoard::removeIf(const std::function<bool(const Message&)>& isGone) {
    if (m_messages.removeIf(isGone) > 0) Q_EMIT changed();
}

const Message* MessageBoard::front() const {
    if (m_messages.isEmpty()) return nullptr;
    const auto error = std::find_if(m_messages.rbegin(), m_messages.rend(),
                                    [](const Message& message) { return message.isError; });
    return error != m_messages.rend() ? &*error : &m_messages.back();
}

}  // namespace rheo
