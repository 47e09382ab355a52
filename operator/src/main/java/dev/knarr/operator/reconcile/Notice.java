// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.reconcile;

import dev.knarr.api.v1alpha1.ConditionReason;

/**
 * Something that the reconciler knows and a user should. Immutable.
 *
 * @param reason the kind
 * @param message what is going on or wrong, and what to do
 */
public record Notice(ConditionReason reason, String message) {}
