// SPDX-License-Identifier: Apache-2.0
package dev.knarr.operator.observe;

import dev.knarr.api.v1alpha1.ConditionReason;

/**
 * What keeps a part of a cluster from doing its work. Immutable.
 *
 * @param reason the kind of trouble
 * @param part which part
 * @param subject which one: a worker, a group of workers, {@code head} or {@code model}
 * @param message what is wrong, where, and what to do
 */
public record Finding(ConditionReason reason, Part part, String subject, String message) {}
