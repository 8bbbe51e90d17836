#pragma once

#include <QList>
#include <QObject>
#include <QString>
#include <functional>

#include "widgets/viewmodels/workspace.h"

namespace rheo {

/// Something to do about a message.
struct MessageAction {
    QString text;
    std::function<void()> act;
};

/// What a person is told, until it is true no more or was read.
struct Message {
    QString
        doing;  ///< what was tried: one message each; another document, or trying it with success, ends it
    QString text;
    bool isError = false;
    QList<MessageAction> actions = {};
    /// Whether its cause is gone; asked whenever something changes. None: only `doing` ends it.
    std::function<bool()> isOver = {};
};

/// The messages that hold just now. Failures of the document come by themselves, and go: a refusal when what
/// was missing is there, a failure when the same is done with success, both when another document is open.
class MessageBoard : public QObject {
    Q_OBJECT
public:
    explicit MessageBoard(Workspace& workspace, QObject* parent = nullptr);

    /// Takes the place of a message about the same thing.
    void post(Message message);
    void fail(const QString& doing, const QString& reason) { post({doing, doing + ": " + reason, true}); }
    /// `doing` was done: a message about it is over.
    void succeed(const QString& doing);
    /// A person has read the one in front.
    void dismiss();
    /// Drops what is over.
    void review();
    /// The newest error, else the newest other message; null: there is none.
    const Message* front() const;

Q_SIGNALS:
    /// front() is another.
    void changed();

private:
    void removeIf(const std::function<bool(const Message&)>& isGone);

    Workspace& m_workspace;
    QList<Message> m_messages;  ///< oldest first
};

}  // namespace rheo
