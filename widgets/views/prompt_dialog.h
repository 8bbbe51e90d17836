#pragma once

#include <QString>

class QWidget;

namespace rheo {

/// Asks for the text of a prompt, which may have several lines. Ctrl+Enter accepts; Tab moves on to the
/// buttons. Empty where it was cancelled.
QString askForPrompt(QWidget* parent, const QString& title, const QString& explanation,
                     const QString& text = {});

}  // namespace rheo
