/** Tests of rollouts. */
@NullMarked
package dev.knarr.operator.rollout;

import org.jspecify.annotations.NullMarked;
