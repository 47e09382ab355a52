/**
 * In what order a changed cluster is changed while it serves, as pure functions. Entry: {@link
 * dev.knarr.operator.rollout.RolloutDecision}.
 */
@NullMarked
package dev.knarr.operator.rollout;

import org.jspecify.annotations.NullMarked;
